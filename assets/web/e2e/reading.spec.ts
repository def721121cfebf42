import type { Locator, Page } from "@playwright/test";

import { Api } from "./support/api";
import { violations } from "./support/axe";
import { READING_MS, animationsEnded, readingIsThere, said } from "./support/page";
import { expect, test } from "./support/test";
import { CELLAR } from "./support/texts";

// One dream for all: a reading takes its time.
test.describe.configure({ mode: "serial" });

const NOTE = "My grandmother kept keys in a tin";
const PHONE = { width: 360, height: 740 };

let dream: string;

test.beforeAll(async ({ baseURL }) => {
  test.setTimeout(4 * READING_MS);
  const api = new Api(baseURL ?? "");
  dream = await api.read(CELLAR);
  await api.readThrough(dream, "psychological");
  await api.readThrough(dream, "jungian");
});

async function open(page: Page): Promise<Locator> {
  await page.goto(`/dreams/${dream}`);
  await readingIsThere(page);
  return page.getByRole("region", { name: "The model’s reading" });
}

const column = (page: Page, lens: string): Locator => page.getByRole("region", { name: `Through this lens: ${lens}` });

async function boxOf(element: Locator): Promise<{ x: number; y: number; height: number }> {
  const box = await element.boundingBox();
  if (box === null) {
    throw new Error("it is not on the page");
  }
  return box;
}

test("every lens of the box can be chosen by its name, here and before a dream is told", async ({ page, api }) => {
  const names = (await api.lenses()).map((lens) => lens.names.en ?? lens.id);
  expect(names.length).toBeGreaterThanOrEqual(5);
  await open(page);
  const here = page.getByRole("group", { name: "Read it through" });
  for (const name of names) {
    await expect(here.getByRole("radio", { name, exact: true })).toHaveCount(1);
  }
  await page.goto("/");
  const before = page.getByRole("group", { name: "Read it through" });
  await expect(before.getByRole("radio", { name: "As you mostly choose" })).toBeChecked();
  await expect(before.getByRole("radio")).toHaveCount(names.length + 1);
});

test("a reading has said beside it what it is not, and tells how it was made", async ({ page }) => {
  const reading = await open(page);
  expect(await said(page).getByRole("listitem").count()).toBeGreaterThanOrEqual(3);
  await reading.getByText("How this was made").click();
  for (const step of ["Images of the dictionary", "Request to the model", "Check of what was written"]) {
    await expect(reading.getByText(step, { exact: true })).toBeVisible();
  }
  await expect(reading.getByText(/^[\d,]+ ms$/).first()).toBeVisible();
  await expect(reading.getByText("Quotes found in the dream", { exact: true })).toBeVisible();
  await reading.getByText("How the confidence is computed").click();
  await expect(reading.getByText("It is not the model’s own opinion.")).toBeVisible();
});

test("what the dictionary says of a symbol stands apart, with its sources and the way to its page", async ({ page }) => {
  const reading = await open(page);
  const symbol = reading
    .getByRole("listitem")
    .filter({ has: page.getByText(/^(Tradition|Science) says$/) })
    .first();
  await expect(symbol.getByRole("listitem").first()).toBeVisible();
  await symbol.getByRole("link", { name: / in the dictionary$/ }).click();
  await expect(page).toHaveURL(/\/symbols\/[a-z-]+$/);
  await expect(page.getByRole("region", { name: "Your dreams with it" }).getByText("cellar of our school")).toBeVisible();
});

test("readings stand side by side on a wide screen, and below each other on a phone", async ({ page }) => {
  await open(page);
  await page.getByRole("group", { name: "Show" }).getByText("Compare").click();
  const [one, other] = [column(page, "Psychological"), column(page, "Jungian")];
  for (const reading of [one, other]) {
    await expect(reading.getByRole("heading", { name: "Keep in mind" })).toBeVisible();
    await expect(reading.getByText(CELLAR.slice(0, 40))).toHaveCount(0);
  }
  await expect(page.getByRole("region", { name: "Your words" })).toContainText(CELLAR.slice(0, 40));
  const wide = [await boxOf(one), await boxOf(other)] as const;
  expect(wide[0].y).toBe(wide[1].y);
  expect(wide[0].x).not.toBe(wide[1].x);
  await page.setViewportSize(PHONE);
  const narrow = [await boxOf(one), await boxOf(other)] as const;
  expect(narrow[0].x).toBe(narrow[1].x);
  expect(Math.abs(narrow[0].y - narrow[1].y)).toBeGreaterThanOrEqual(Math.min(narrow[0].height, narrow[1].height));
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
});

test("a reading is rated and chosen by keyboard, and that is kept", async ({ page, api }) => {
  await open(page);
  await page.getByRole("group", { name: "Read it through" }).getByText("Psychological", { exact: true }).click();
  const rating = page.getByRole("group", { name: "How much does this reading say to you?" });
  await rating.getByRole("radio", { name: "1" }).focus();
  await page.keyboard.press("Space");
  for (let step = 0; step < 3; step += 1) {
    await page.keyboard.press("ArrowRight");
  }
  await expect(rating.getByRole("radio", { name: "4" })).toBeChecked();
  await page.getByRole("checkbox", { name: "This one fits" }).focus();
  await page.keyboard.press("Space");
  const kept = { lens: "psychological", rating: 4, chosen: true };
  await expect.poll(async () => (await api.dream(dream)).opinions).toContainEqual(kept);
  // The reading that fits is the one that is shown first.
  await open(page);
  await expect(page.getByRole("radio", { name: "Psychological" })).toBeChecked();
  await expect(page.getByRole("radio", { name: "4" })).toBeChecked();
  await expect(page.getByRole("checkbox", { name: "This one fits" })).toBeChecked();
});

test("what comes to the dreamer’s mind is kept, changed, known to the next reading, and removed", async ({ page, api }) => {
  const reading = await open(page);
  await reading
    .getByRole("button", { name: /^Note what “/ })
    .first()
    .click();
  await expect(page.getByRole("textbox", { name: /^What “.+” brings to your mind$/ })).toBeFocused();
  await page.keyboard.type("A tin.");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(reading.getByText("A tin.")).toBeVisible();
  const change = reading.getByRole("button", { name: /^Change what “/ });
  await expect(change).toBeFocused();
  await change.click();
  await page.keyboard.press("Control+a");
  await page.keyboard.type(NOTE);
  await page.getByRole("button", { name: "Save" }).click();
  await expect(reading.getByText(NOTE)).toBeVisible();
  await api.readThrough(dream, "scientific");
  await page.reload();
  await page.getByRole("group", { name: "Read it through" }).getByText("Scientific", { exact: true }).click();
  await reading.getByText("How this was made").click();
  const notes = reading.locator("dt", { hasText: "Your notes" }).locator("xpath=following-sibling::dd[1]");
  await expect(notes).toHaveText("1");
  await page.getByRole("group", { name: "Read it through" }).getByText("Psychological", { exact: true }).click();
  await reading.getByRole("button", { name: /^Remove what “/ }).click();
  await expect(reading.getByText(NOTE)).toHaveCount(0);
  await expect.poll(async () => (await api.dream(dream)).associations).toEqual([]);
});

test("a question about a reading is answered, and removed after asking", async ({ page }) => {
  const reading = await open(page);
  const dialog = reading.getByRole("region", { name: "Ask about this reading" });
  await expect(dialog.getByText("The same bounds hold")).toBeVisible();
  await dialog.getByRole("button", { name: "Ask" }).click();
  await expect(dialog.getByText("Write 2 to 500 characters.")).toBeVisible();
  await dialog.getByLabel("Your question").fill("What else could the river mean?");
  await dialog.getByRole("button", { name: "Ask" }).click();
  await expect(dialog.getByText("The model is answering…")).toBeVisible();
  await expect(dialog.getByText("The model answered:")).toBeVisible({ timeout: READING_MS });
  await expect(dialog.getByLabel("Your question")).toHaveValue("");
  await page.reload();
  await expect(dialog.getByText("What else could the river mean?", { exact: true })).toBeVisible();
  await dialog.getByRole("button", { name: "Remove the questions" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove them" }).click();
  await expect(dialog.getByText("What else could the river mean?", { exact: true })).toHaveCount(0);
});

for (const locale of ["en", "ru", "ar"]) {
  test.describe(`in ${locale}`, () => {
    test.use({ locale });

    test("no fault of accessibility, alone or beside another reading", async ({ page }) => {
      await page.goto(`/dreams/${dream}`);
      await expect(page.locator("input[name=view]")).toHaveCount(2);
      for (const summary of await page.locator("summary").all()) {
        await summary.click();
      }
      await animationsEnded(page);
      expect(await violations(page), "one reading").toEqual([]);
      await page.locator("label:has(input[name=view])").last().click();
      await expect(page.locator("input[name=lens]")).toHaveCount(0);
      await animationsEnded(page);
      expect(await violations(page), "several readings").toEqual([]);
    });
  });
}
