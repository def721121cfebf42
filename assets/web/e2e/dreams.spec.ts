import { readingIsThere, settled } from "./support/page";
import { expect, test } from "./support/test";
import { GARDEN, numbered } from "./support/texts";

const MANY = 25;

test("where no dream is kept, the page leads to writing one", async ({ page, api }) => {
  await api.deleteDreams();
  await page.goto("/dreams");
  await expect(page.getByText("No dream is kept here yet")).toBeVisible();
  await page.getByRole("link", { name: "Tell a dream" }).click();
  await expect(page.getByRole("heading", { name: "What did you dream?" })).toBeFocused();
});

test("dreams are listed newest first, older ones on demand", async ({ page, api }) => {
  await api.deleteDreams();
  for (let number = 1; number <= MANY; number += 1) {
    await api.keep(numbered(number));
  }
  await page.goto("/dreams");
  const dreams = page.getByRole("main").getByRole("listitem");
  await expect(dreams).toHaveCount(20);
  await expect(dreams.first()).toContainText(`door number ${String(MANY)} `);
  await page.getByRole("button", { name: "Show older dreams" }).click();
  await expect(dreams).toHaveCount(MANY);
  await expect(dreams.last()).toContainText("door number 1 ");
  await expect(page.getByRole("button", { name: "Show older dreams" })).toHaveCount(0);
});

test("a dream is deleted only after asking, and the keyboard stays on the page", async ({ page, api }) => {
  await api.deleteDreams();
  await api.keep(numbered(301));
  await api.keep(numbered(302));
  await page.goto("/dreams");
  const remove = page.getByRole("button", { name: /Delete the dream of .*number 302/ });
  await remove.click();
  await page.getByRole("dialog").getByRole("button", { name: "Keep it" }).click();
  await expect(remove).toBeFocused();
  await remove.click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete for good" }).click();
  await expect(page.getByRole("main").getByRole("listitem")).toHaveCount(1);
  await expect(page.getByRole("heading", { level: 1 })).toBeFocused();
});

test("a kept dream can be read through another lens", async ({ page, api }) => {
  const id = await api.read(GARDEN);
  await page.goto(`/dreams/${id}`);
  await readingIsThere(page);
  await page.getByRole("group", { name: "Read it through" }).getByText("Jungian", { exact: true }).click();
  await expect(page.getByText("No reading through this lens yet")).toBeVisible();
  await page.getByRole("button", { name: "Read it now" }).click();
  await settled(page);
  await readingIsThere(page);
  await page.reload();
  await expect(page.getByRole("radio", { name: "Jungian" })).toBeChecked();
  await readingIsThere(page);
});

test.describe("a dream that is not here", () => {
  test.use({ tolerated: [/status of 404/] });

  test("is said to be gone", async ({ page }) => {
    await page.goto("/dreams/00000000-0000-4000-8000-000000000000");
    await expect(page.getByRole("heading", { name: "This dream is not here" })).toBeVisible();
    await expect(page.getByRole("link", { name: "All dreams" })).toBeVisible();
  });
});
