/** Registers the worker that keeps the app's own files for use without a network. It never keeps an answer of the API. */
export function registerServiceWorker(): void {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  navigator.serviceWorker.register("/sw.js").catch((error: unknown) => {
    console.warn("The page will not open without a network:", error);
  });
}
