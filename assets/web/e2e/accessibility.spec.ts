import type { Page } from "@playwright/test";

import { violations } from "./support/axe";
import { animationsEnded } from "./support/page";
import { expect, test } from "./support/test";
import { ARABIC, HORSE } from "./support/texts";

/** Every page, the dialogs and all that unfolds. */
async function look(page: Page, dream: string): Promise<void> {
  for (const address of ["/", "/dreams", `/dreams/${dream}`, "/symbols", "/symbols/water", "/help", "/status", "/no-such-page"]) {
    await page.goto(address);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await page.waitForLoadState("networkidle");
    for (const summary of await page.locator("summary").all()) {
      await summary.click();
    }
    await animationsEnded(page);
    expect(await violations(page), address).toEqual([]);
  }
  await page.goto("/dreams");
  const settings = page.getByRole("banner").getByRole("button");
  await settings.click();
  expect(await violations(page), "settings").toEqual([]);
  await page.keyboard.press("Escape");
  await page.getByRole("main").getByRole("button").first().click();
  await expect(page.getByRole("dialog")).toBeVisible();
  expect(await violations(page), "delete a dream").toEqual([]);
}

test("no fault of accessibility by day", async ({ page, api }) => {
  await look(page, await api.read(HORSE));
});

test("no fault of accessibility by night", async ({ page, api }) => {
  await page.emulateMedia({ colorScheme: "dark" });
  await look(page, await api.read(HORSE));
});

test.describe("on a phone", () => {
  const width = 360;
  test.use({ viewport: { width, height: 740 }, hasTouch: true, isMobile: true });

  test("no fault of accessibility, and nothing is cut off at the side", async ({ page, api }) => {
    const dream = await api.read(HORSE);
    await look(page, dream);
    for (const address of ["/", "/dreams", `/dreams/${dream}`, "/symbols", "/symbols/water", "/help", "/status"]) {
      await page.goto(address);
      await page.waitForLoadState("networkidle");
      // Not `innerWidth`: a phone's window grows with what is too wide for it.
      expect(await page.evaluate(() => document.documentElement.scrollWidth), address).toBeLessThanOrEqual(width);
    }
  });
});

test.describe("in Arabic", () => {
  test.use({ locale: "ar" });

  test("no fault of accessibility", async ({ page, api }) => {
    await look(page, await api.read(ARABIC));
  });
});
