// Runs before the first paint, so that a dark room never sees a white flash. A stored choice wins; else the system's
// setting; else the hour. src/theme/theme.ts keeps the attribute right afterwards by the same rule.
(function () {
  var stored = null;
  try {
    stored = localStorage.getItem("oneiros.theme");
  } catch {
    // Storage is barred: the system decides.
  }
  var prefers = function (scheme) {
    return matchMedia("(prefers-color-scheme: " + scheme + ")").matches;
  };
  var hour = new Date().getHours();
  var night = prefers("dark") || (!prefers("light") && (hour >= 19 || hour < 7));
  var dark = stored === "dark" || (stored !== "light" && night);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
