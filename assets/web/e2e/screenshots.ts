import { Api } from "./support/api";
import { looks, shoot } from "./support/shots";
import { test } from "./support/test";
import { ARABIC, GARDEN, HORSE, HORSE_AGAIN, RUSSIAN, TRAIN } from "./support/texts";

const DREAMS = { en: HORSE, ru: RUSSIAN, ar: ARABIC };

test.beforeAll(async ({ baseURL }) => {
  test.setTimeout(600_000);
  const api = new Api(baseURL ?? "");
  await api.keep(GARDEN);
  await api.keep(TRAIN);
  for (const text of [HORSE, HORSE_AGAIN, RUSSIAN, ARABIC]) {
    await api.read(text);
  }
});

for (const { kind, locale, context } of looks) {
  test.describe(kind, () => {
    test.use({ ...context, tolerated: [/status of 404/] });

    test("every page", async ({ page, api }) => {
      const dream = await api.read(DREAMS[locale]);
      const pages = {
        write: "/",
        dreams: "/dreams",
        dream: `/dreams/${dream}`,
        symbols: "/symbols",
        symbol: "/symbols/water",
        help: "/help",
        status: "/status",
        missing: "/no-such-page",
      };
      for (const [name, address] of Object.entries(pages)) {
        await page.goto(address);
        await shoot(page, `${kind}-${name}`);
      }
      await page.goto(`/dreams/${dream}`);
      for (const summary of await page.locator("summary").all()) {
        await summary.click();
      }
      await shoot(page, `${kind}-how-made`);
      await api.readThrough(dream, "jungian");
      await page.goto(`/dreams/${dream}`);
      await page.locator("label:has(input[name=view])").last().click();
      await shoot(page, `${kind}-compare`);
      await page.goto("/dreams");
      await page.getByRole("banner").getByRole("button").click();
      await shoot(page, `${kind}-settings`);
      await page.keyboard.press("Escape");
      await page.getByRole("main").getByRole("button").first().click();
      await shoot(page, `${kind}-delete`);
    });
  });
}
