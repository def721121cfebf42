import type { Page } from "@playwright/test";

import { READING_MS, dreamField, readingIsThere, settled } from "./support/page";
import { expect, test } from "./support/test";
import { numbered } from "./support/texts";

/** Whether the keyboard is somewhere: on the page's body it would start anew. */
const focusIsSomewhere = (page: Page): Promise<boolean> =>
  page.evaluate(() => document.activeElement !== null && document.activeElement !== document.body);

/** Presses Tab until an element has the focus; fails when the whole page was gone through. */
async function tabTo(page: Page, name: string | RegExp, role: "button" | "link" | "textbox" = "button"): Promise<void> {
  const target = page.getByRole(role, { name }).first();
  for (let step = 0; step < 90; step += 1) {
    if (await target.evaluate((element) => element === document.activeElement).catch(() => false)) {
      return;
    }
    await page.keyboard.press("Tab");
    expect(await focusIsSomewhere(page)).toBe(true);
  }
  throw new Error(`Tab never reached ${String(name)}`);
}

test("from the skip link to the reading without a mouse", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "What did you dream?" })).toBeVisible();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to the content" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("main")).toBeFocused();
  await tabTo(page, "Your dream", "textbox");
  await page.keyboard.type(numbered(501));
  await tabTo(page, "Read this dream");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Your dream, read" })).toBeFocused({ timeout: READING_MS });
  await settled(page);
  await readingIsThere(page);
  expect(await focusIsSomewhere(page)).toBe(true);
  await tabTo(page, "Write another dream");
  await page.keyboard.press("Enter");
  await expect(dreamField(page)).toBeVisible();
  expect(await focusIsSomewhere(page)).toBe(true);
});

test("a dialog keeps the focus in and gives it back", async ({ page }) => {
  await page.goto("/");
  await tabTo(page, "Language and theme");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Language and theme" });
  await expect(dialog).toBeVisible();
  for (let step = 0; step < 6; step += 1) {
    await page.keyboard.press("Tab");
    const outside = await page.evaluate(
      () => document.activeElement?.closest("dialog") === null && document.activeElement !== document.body,
    );
    expect(outside).toBe(false);
  }
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(page.getByRole("button", { name: "Language and theme" })).toBeFocused();
});
