import { violations } from "./support/axe";
import { expect, test } from "./support/test";
import { HORSE } from "./support/texts";

const FEWEST = 150;
/** A symbol in each language of the pages, and a word by which it is found. */
const WATER = { en: ["Water", "waters"], ru: ["Вода", "водой"], ar: ["الماء", "مياه"] } as const;

for (const locale of ["en", "ru", "ar"] as const) {
  test.describe(`in ${locale}`, () => {
    test.use({ locale });

    test("the dictionary is looked through by word and kind, and nothing is wrong with its pages", async ({ page }) => {
      const [name, word] = WATER[locale];
      await page.goto("/symbols");
      const symbols = page.getByRole("main").getByRole("listitem");
      await expect.poll(() => symbols.count()).toBeGreaterThanOrEqual(FEWEST);
      expect(await violations(page), "/symbols").toEqual([]);
      const all = await symbols.count();
      await page.locator("label:has(input[value=animals])").click();
      await expect(symbols.filter({ hasText: name })).toHaveCount(0);
      expect(await symbols.count()).toBeLessThan(all);
      await page.locator("label:has(input[value=all])").click();
      await page.getByRole("searchbox").fill(word);
      await expect.poll(() => symbols.count()).toBeLessThan(FEWEST);
      await page.getByRole("link", { name, exact: true }).click();
      await expect(page.getByRole("heading", { level: 1, name })).toBeFocused();
      await expect(page.getByRole("heading", { level: 3 }).nth(2)).toBeVisible();
      await page.waitForLoadState("networkidle");
      expect(await violations(page), "/symbols/water").toEqual([]);
    });
  });
}

test("a symbol’s page says what it is, on what it leans, and in which dreams it is", async ({ page, api }) => {
  await api.read(HORSE);
  await page.goto("/");
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Symbols" }).click();
  await page.getByRole("searchbox").fill("horse");
  await page.getByRole("link", { name: "Horse", exact: true }).click();
  await expect(page.getByText("It knows nothing of you")).toBeVisible();
  const themes = page.getByRole("region", { name: "What it may stand for" });
  await expect(themes.getByRole("heading", { name: "Jungian" })).toBeVisible();
  await expect(themes.getByText(/^(Tradition|Science) says$/).first()).toBeVisible();
  await expect(themes.locator("cite").first()).toBeVisible();
  await page.getByRole("region", { name: "Your dreams with it" }).getByRole("link").first().click();
  await expect(page).toHaveURL(/\/dreams\/[0-9a-f-]{36}$/);
});

test.describe("a symbol that is not there", () => {
  test.use({ tolerated: [/status of 404/] });

  test("is said to be missing", async ({ page }) => {
    await page.goto("/symbols/no-such-symbol");
    await expect(page.getByRole("heading", { name: "This symbol is not in the dictionary" })).toBeVisible();
    await page.getByRole("link", { name: "All symbols" }).click();
    await expect(page.getByRole("heading", { name: "Symbols", level: 1 })).toBeVisible();
  });
});
