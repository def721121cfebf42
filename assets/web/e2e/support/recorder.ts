/** The recorder, worked by keyboard. */
import { expect, type Page } from "@playwright/test";

export async function startRecording(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Say it" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByText("Recording", { exact: true })).toBeVisible();
}

/** Waits until the page shows that so many seconds are recorded. */
export async function recordedSeconds(page: Page, least: number): Promise<void> {
  const seconds = async (): Promise<number> => {
    const [minutes, rest] = ((await page.getByRole("timer").textContent()) ?? "0:00").split(":");
    return Number(minutes) * 60 + Number(rest);
  };
  await expect.poll(seconds, { timeout: 60_000 }).toBeGreaterThanOrEqual(least);
}
