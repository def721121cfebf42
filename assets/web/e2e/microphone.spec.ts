import { chromiumLaunch } from "./support/browser";
import { dreamField } from "./support/page";
import { expect, test } from "./support/test";

// No permission is granted, and nobody is there to be asked.
test.use({ launchOptions: chromiumLaunch("denied"), permissions: [] });

test("a microphone that is denied is told, with the way to allow it", async ({ page }) => {
  await page.goto("/");
  await page.getByRole("button", { name: "Say it" }).click();
  await expect(page.getByText("The microphone is not allowed.")).toBeVisible();
  await expect(page.getByText("Allow it for this page in the browser’s address bar or settings")).toBeVisible();
  await expect(dreamField(page)).toBeEditable();
});
