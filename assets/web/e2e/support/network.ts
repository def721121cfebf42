/** The device's network, taken away. */
import { type BrowserContext, expect, type Page } from "@playwright/test";

/**
 * Takes the network away and waits until the page says so. Chromium can forget that a page was told so when
 * a service worker starts in the same process in that moment: it is told again then.
 */
export async function goOffline(page: Page, context: BrowserContext): Promise<void> {
  const notice = page.getByText("You are offline.").first();
  await expect(async () => {
    await context.setOffline(false);
    await context.setOffline(true);
    await expect(notice).toBeVisible({ timeout: 3_000 });
  }).toPass({ timeout: 30_000 });
}
