import { READING_MS, dreamField, write } from "./support/page";
import { recordedSeconds, startRecording } from "./support/recorder";
import { expect, test } from "./support/test";

test.use({ tolerated: [/ERR_INTERNET_DISCONNECTED/] });

test("a recording made without a network is still there after a reload, plays, and is sent when the box is back", async ({
  page,
  context,
}) => {
  await page.goto("/");
  await page.evaluate(() => navigator.serviceWorker.ready);
  await context.setOffline(true);
  await expect(page.getByText("You are offline.").first()).toBeVisible();
  await startRecording(page);
  await recordedSeconds(page, 6);
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await expect(page.getByText("The recording is kept in this browser.")).toBeVisible();

  await page.reload();
  await expect(page.getByRole("heading", { name: "What did you dream?" })).toBeVisible();
  await expect(page.getByRole("heading", { name: "A recording of yours is kept in this browser" })).toBeVisible();
  const player = page.getByLabel(/^Your recording of /);
  await player.focus();
  await page.keyboard.press("Space");
  await expect.poll(() => player.evaluate((audio: HTMLAudioElement) => audio.currentTime)).toBeGreaterThan(0.3);

  await context.setOffline(false);
  await page.getByRole("button", { name: "Turn it into text" }).click();
  await expect(dreamField(page)).toHaveValue(/horse|bridge|river/i, { timeout: READING_MS });
  await expect(page.getByRole("heading", { name: "A recording of yours is kept in this browser" })).toHaveCount(0);
});

test("every page opens without a network, and the draft is still there", async ({ page, context }) => {
  await page.goto("/");
  await page.evaluate(() => navigator.serviceWorker.ready);
  await write(page, "I stood before a door that was also a tree.");
  await context.setOffline(true);
  await page.goto("/status");
  await expect(page.getByRole("heading", { name: "This box", level: 1 })).toBeVisible();
  await page.goto("/dreams");
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await page.goto("/");
  await expect(dreamField(page)).toHaveValue("I stood before a door that was also a tree.");
  await context.setOffline(false);
});
