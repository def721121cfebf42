import { READING_MS, dreamField, settled, readingIsThere } from "./support/page";
import { recordedSeconds, startRecording } from "./support/recorder";
import { expect, test } from "./support/test";

test("a spoken dream is recorded, paused, continued and stopped by keyboard, then written down and read", async ({ page }) => {
  await page.goto("/");
  await startRecording(page);
  await recordedSeconds(page, 4);
  await expect(page.getByRole("button", { name: "Pause" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByText("Paused", { exact: true })).toBeVisible();
  const stood = await page.getByRole("timer").textContent();
  // Longer than a second: a clock that went on would show another one.
  await page.waitForTimeout(1_500);
  await expect(page.getByRole("button", { name: "Go on" })).toBeFocused();
  expect(await page.getByRole("timer").textContent()).toBe(stood);
  await page.keyboard.press("Enter");
  await recordedSeconds(page, 10);
  await page.keyboard.press("Tab");
  await expect(page.getByRole("button", { name: "Stop", exact: true })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Turn it into text" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(dreamField(page)).toBeFocused({ timeout: READING_MS });
  const words = (await dreamField(page).inputValue()).toLowerCase();
  const heard = ["white", "horse", "bridge", "river", "glass"].filter((word) => words.includes(word));
  expect(heard.length, `heard: ${words}`).toBeGreaterThanOrEqual(3);
  await expect(page.getByText("A recording of yours is kept in this browser")).toHaveCount(0);
  await page.keyboard.press("Control+Enter");
  await settled(page);
  await readingIsThere(page);
});

test("what is typed while a recording is turned into text stays, and a button pressed twice records once", async ({ page }) => {
  await page.goto("/");
  await page.getByRole("button", { name: "Say it" }).dblclick();
  await recordedSeconds(page, 6);
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await expect(page.getByRole("button", { name: "Turn it into text" })).toHaveCount(1);
  await page.getByRole("button", { name: "Turn it into text" }).click();
  await dreamField(page).fill("I had forgotten the lighthouse.");
  await expect(dreamField(page)).toHaveValue(/^I had forgotten the lighthouse\.\n.*(horse|bridge|river)/is, {
    timeout: READING_MS,
  });
  await page.reload();
  await expect(dreamField(page)).toHaveValue(/^I had forgotten the lighthouse\.\n.*(horse|bridge|river)/is);
  await expect(page.getByText("A recording of yours is kept in this browser")).toHaveCount(0);
});
