/** Pictures of pages, for people to look at. */
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";

import { expect, type Page } from "@playwright/test";

import { animationsEnded } from "./page";

const FOLDER = resolve(process.env.ONEIROS_SCREENSHOTS ?? "test-results/screenshots");
const SCREENS = { wide: { width: 1280, height: 900 }, phone: { width: 360, height: 780 } };

/** Every way in which a page is shown. */
export const looks = (["en", "ru", "ar"] as const).flatMap((locale) =>
  Object.entries(SCREENS).flatMap(([screen, viewport]) =>
    (["light", "dark"] as const).map((colorScheme) => ({
      kind: `${locale}-${screen}-${colorScheme}`,
      locale,
      context: { locale, viewport, colorScheme },
    })),
  ),
);

export async function shoot(page: Page, name: string): Promise<void> {
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await page.waitForLoadState("networkidle");
  await animationsEnded(page);
  mkdirSync(FOLDER, { recursive: true });
  await page.screenshot({ path: join(FOLDER, `${name}.png`), fullPage: true });
}
