import { violations } from "./support/axe";
import { READING_MS, animationsEnded, settled, write } from "./support/page";
import { expect, test } from "./support/test";
import { AWAKE, OWN_FUNERAL } from "./support/texts";

test("somebody who may need help awake gets words of help above the reading, which still comes", async ({ page }) => {
  await page.goto("/");
  await write(page, AWAKE);
  await page.getByRole("button", { name: "Read this dream" }).click();
  const away = page.getByRole("button", { name: "Put these words away" });
  await expect(away).toBeVisible();
  const card = page.getByRole("region").filter({ has: away });
  await expect(card.getByRole("link").first()).toBeVisible();
  await expect(page.getByRole("dialog")).toHaveCount(0);
  const reading = page.getByRole("region", { name: "The model’s reading" });
  const [above, below] = [await card.boundingBox(), await reading.boundingBox()];
  expect(above?.y ?? Infinity).toBeLessThan(below?.y ?? 0);
  await animationsEnded(page);
  expect(await violations(page)).toEqual([]);
  await settled(page);
  await expect(away).toBeVisible();
  await away.click();
  await expect(card).toHaveCount(0);
});

test("a dream of death brings no such words", async ({ page }) => {
  await page.goto("/");
  await write(page, OWN_FUNERAL);
  await page.getByRole("button", { name: "Read this dream" }).click();
  const reading = page.getByRole("region", { name: "The model’s reading" });
  await expect(reading.getByRole("heading", { level: 3 })).toBeVisible({ timeout: READING_MS });
  await expect(page.getByRole("button", { name: "Put these words away" })).toHaveCount(0);
});

for (const locale of ["en", "ru", "ar"]) {
  test.describe(`in ${locale}`, () => {
    test.use({ locale });

    test("whoever looks for help finds it from every page, for a country of their choice", async ({ page }) => {
      await page.goto("/dreams");
      await page.getByRole("contentinfo").getByRole("link").click();
      await expect(page).toHaveURL(/\/help$/);
      await expect(page.getByRole("heading", { level: 1 })).toBeFocused();
      const countries = page.getByRole("main").getByRole("combobox");
      await countries.selectOption({ index: 1 });
      const phone = page.locator("main a[href^='tel:']").first();
      await expect(phone).toBeVisible();
      expect(await phone.getAttribute("href")).toMatch(/^tel:[\d+*%]+$/);
      for (const link of await page.locator("main a[href^=http]").all()) {
        await expect(link).toHaveAttribute("rel", /noreferrer/);
      }
      await page.waitForLoadState("networkidle");
      expect(await violations(page)).toEqual([]);
    });
  });
}
