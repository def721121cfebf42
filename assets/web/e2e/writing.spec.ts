import { expect, test } from "./support/test";
import { GERMAN_STATION, HORSE, HORSE_AGAIN } from "./support/texts";
import { read, readingIsThere, write } from "./support/page";

test("a written dream becomes a reading, field by field", async ({ page }) => {
  await page.goto("/");
  await write(page, GERMAN_STATION);
  await page.getByRole("button", { name: "Read this dream" }).click();
  const region = page.getByRole("region", { name: "The model’s reading" });
  // The summary comes before the rest: it can be read while the advice is still to come.
  await expect(region.getByRole("heading", { level: 3 })).toBeVisible();
  await expect(region.locator("[aria-busy=true]")).toHaveCount(1);
  await expect(region.getByRole("heading", { name: "Questions to ask yourself" })).toHaveCount(0);
  await readingIsThere(page);
  await expect(page.getByRole("region", { name: "Your words" })).toContainText(GERMAN_STATION.slice(0, 60));
});

test("a symbol in the dream's text leads to its meaning and back, by keyboard", async ({ page, api }) => {
  const id = await api.read(HORSE);
  await page.goto(`/dreams/${id}`);
  await readingIsThere(page);
  const mark = page.getByRole("region", { name: "Your words" }).getByRole("link").first();
  const quote = (await mark.textContent()) ?? "";
  expect(HORSE).toContain(quote);
  await mark.focus();
  await page.keyboard.press("Enter");
  const region = page.getByRole("region", { name: "The model’s reading" });
  const meaning = region.getByRole("listitem").filter({ has: page.locator(":focus") });
  await expect(meaning).toHaveCount(1);
  const name = (await page.locator(":focus").textContent()) ?? "";
  expect((await meaning.textContent())?.length).toBeGreaterThan(name.length);
  await page.keyboard.press("Enter");
  await expect(mark).toBeFocused();
});

test("a dream like an earlier one shows that one beside it", async ({ page, api }) => {
  await api.read(HORSE);
  await page.goto("/");
  await read(page, HORSE_AGAIN);
  const similar = page.getByRole("region", { name: "Dreams of yours that are like it" }).filter({ visible: true });
  await expect(similar).toContainText("white horse stood on the stairs");
  await similar.getByRole("link").filter({ hasText: "white horse stood on the stairs" }).click();
  await expect(page).toHaveURL(/\/dreams\/[0-9a-f-]{36}$/);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Dream of");
  await readingIsThere(page);
});

test("a dream that is too short is told so, and how much is missing", async ({ page }) => {
  await page.goto("/");
  await write(page, "A horse.");
  await page.getByRole("button", { name: "Read this dream" }).click();
  await expect(page.getByText("A reading needs 12 more characters.")).toBeVisible();
  await expect(page.getByLabel("Your dream", { exact: true })).toBeFocused();
});
