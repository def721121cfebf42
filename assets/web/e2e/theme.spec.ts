import type { Page } from "@playwright/test";

import { expect, test } from "./support/test";

/** Of the page's ground, 0 (black) to 255 (white). */
const brightness = (page: Page): Promise<number> =>
  page.evaluate(() => {
    const channels = getComputedStyle(document.documentElement).backgroundColor.match(/[\d.]+/g) ?? [];
    return channels.slice(0, 3).reduce((sum, channel) => sum + Number(channel), 0) / 3;
  });

test("the page is light by day and dark by night, as the system says", async ({ page }) => {
  await page.emulateMedia({ colorScheme: "light" });
  await page.goto("/");
  expect(await brightness(page)).toBeGreaterThan(200);
  await page.emulateMedia({ colorScheme: "dark" });
  await expect.poll(() => brightness(page)).toBeLessThan(60);
});

test("a theme that was chosen holds against the system and after a reload", async ({ page }) => {
  await page.emulateMedia({ colorScheme: "dark" });
  await page.goto("/");
  await page.getByRole("button", { name: "Language and theme" }).click();
  await page.getByRole("dialog").getByText("Light", { exact: true }).click();
  await expect.poll(() => brightness(page)).toBeGreaterThan(200);
  await page.reload();
  expect(await brightness(page)).toBeGreaterThan(200);
});
