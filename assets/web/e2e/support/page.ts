/** What a person does on the pages, in English. */
import { expect, type Locator, type Page } from "@playwright/test";

/** A model that shares two cores with everything else takes its time. */
export const READING_MS = 90_000;

export const dreamField = (page: Page): Locator => page.getByLabel("Your dream", { exact: true });

export async function write(page: Page, text: string): Promise<void> {
  await dreamField(page).fill(text);
}

/** What is said beside every reading, once it is there. */
export const said = (page: Page): Locator => page.getByRole("group", { name: "Keep in mind" });

/** The reading has come to its end. */
export async function readingIsThere(page: Page): Promise<void> {
  const reading = page.getByRole("region", { name: "The model’s reading" });
  await expect(reading.getByRole("heading", { name: "Keep in mind" })).toBeVisible({ timeout: READING_MS });
}

/** Writes a dream on the first page and waits for its reading. A small model may fail at one: then it is asked again. */
export async function read(page: Page, text: string): Promise<void> {
  await write(page, text);
  await page.getByRole("button", { name: "Read this dream" }).click();
  await settled(page);
  await readingIsThere(page);
}

/** Until there is a reading; asks again, three times at most, when the model's answer was not fit to be shown. */
export async function settled(page: Page): Promise<void> {
  const done = said(page);
  const again = page.getByRole("button", { name: "Try again" });
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await expect(done.or(again).first()).toBeVisible({ timeout: READING_MS });
    if (await done.isVisible()) {
      return;
    }
    await again.first().click();
  }
  await expect(done).toBeVisible({ timeout: READING_MS });
}

/** What has just come fades in: its colours are the final ones only at the end. */
export async function animationsEnded(page: Page): Promise<void> {
  const ended = () =>
    document.getAnimations().every((one) => one.playState === "finished" || one.effect?.getTiming().iterations !== 1);
  await page.waitForFunction(ended);
}
