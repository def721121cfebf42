import type { Page } from "@playwright/test";

import { READING_MS } from "./support/page";
import { expect, test } from "./support/test";
import { ARABIC, RUSSIAN } from "./support/texts";
import { foreignWords, shareOfScript } from "./support/words";

const ARABIC_LETTERS = /\p{Script=Arabic}/u;
const CYRILLIC_LETTERS = /\p{Script=Cyrillic}/u;

/** Writes a dream, sends it by keyboard and waits for what is said beside its reading, in whatever language. */
async function readIn(page: Page, text: string, heading: string): Promise<string> {
  await page.getByRole("textbox").fill(text);
  await page.keyboard.press("Control+Enter");
  const again = page.getByRole("button", { name: /^(حاول مرة أخرى|Попробовать снова)$/ });
  const said = page.getByRole("heading", { name: heading, exact: true });
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await expect(said.or(again).first()).toBeVisible({ timeout: READING_MS });
    if (await said.isVisible()) {
      break;
    }
    await again.first().click();
  }
  await expect(said).toBeVisible();
  const paragraphs = await page.locator("[aria-busy] :is(p, div, ul)[lang]").allTextContents();
  return paragraphs.join(" ");
}

test.describe("in Arabic", () => {
  test.use({ locale: "ar" });

  test("every page runs from right to left and speaks Arabic alone", async ({ page, api }) => {
    await api.deleteDreams();
    const [id, names] = [await api.keep(ARABIC), await api.names()];
    for (const address of ["/", "/dreams", `/dreams/${id}`, "/symbols", "/symbols/water", "/help", "/status", "/no-such-page"]) {
      await page.goto(address);
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      await expect(page.locator("html")).toHaveAttribute("dir", "rtl");
      await expect(page.locator("html")).toHaveAttribute("lang", "ar");
      await page.waitForLoadState("networkidle");
      expect(await foreignWords(page, names), address).toEqual([]);
    }
    await page.goto("/");
    await page.getByRole("button", { name: "اللغة" }).click();
    expect(await foreignWords(page), "the settings").toEqual([]);
  });

  test("an Arabic dream is read in Arabic", async ({ page }) => {
    await page.goto("/");
    const reading = await readIn(page, ARABIC, "تذكّر");
    expect(shareOfScript(reading, ARABIC_LETTERS)).toBeGreaterThan(0.9);
  });
});

test.describe("in Russian", () => {
  test.use({ locale: "ru" });

  test("every page speaks Russian, and a Russian dream is read in Russian", async ({ page, api }) => {
    await api.deleteDreams();
    const names = await api.names();
    for (const address of ["/dreams", "/symbols", "/symbols/water", "/help", "/status", "/"]) {
      await page.goto(address);
      await page.waitForLoadState("networkidle");
      await expect(page.locator("html")).toHaveAttribute("lang", "ru");
      expect(await foreignWords(page, names), address).toEqual([]);
    }
    const reading = await readIn(page, RUSSIAN, "Помните");
    expect(shareOfScript(reading, CYRILLIC_LETTERS)).toBeGreaterThan(0.9);
  });
});

test("a language that was chosen is kept", async ({ page }) => {
  await page.goto("/");
  await page.getByRole("button", { name: "Language and theme" }).click();
  await page.getByRole("dialog").getByText("Русский").click();
  await expect(page.locator("html")).toHaveAttribute("lang", "ru");
  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("lang", "ru");
});
