import { useSyncExternalStore } from "react";

import { storage } from "../storage";

export const themes = ["system", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

const NIGHT_BEGINS = 19;
const NIGHT_ENDS = 7;
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
const systemIsLight = matchMedia("(prefers-color-scheme: light)");
const listeners = new Set<() => void>();

function chosen(): Theme {
  const stored = storage.get("theme");
  return stored === "light" || stored === "dark" ? stored : "system";
}

/** The same rule as in `public/theme.js`, which sets the first paint. */
function isDark(): boolean {
  const theme = chosen();
  if (theme !== "system") return theme === "dark";
  if (systemIsDark.matches || systemIsLight.matches) return systemIsDark.matches;
  const hour = new Date().getHours();
  return hour >= NIGHT_BEGINS || hour < NIGHT_ENDS;
}

function apply(): void {
  const root = document.documentElement;
  root.dataset.theme = isDark() ? "dark" : "light";
  const sky = getComputedStyle(root).getPropertyValue("--sky");
  document.querySelector('meta[name="theme-color"]')?.setAttribute("content", sky.trim());
}

export function setTheme(theme: Theme): void {
  if (theme === "system") storage.remove("theme");
  else storage.set("theme", theme);
  apply();
  for (const listener of listeners) listener();
}

/** Keeps the page's theme right while the system's setting or the hour changes. */
export function followSystem(): void {
  apply();
  systemIsDark.addEventListener("change", apply);
  setInterval(apply, 60_000);
}

export function useTheme(): Theme {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, chosen);
}
