import { Appliance } from "./support/appliance";
import { Api, until } from "./support/api";
import { read, readingIsThere, settled, write } from "./support/page";
import { expect, test } from "./support/test";
import { BRIDGE, GERMAN, LIBRARY, numbered } from "./support/texts";

/** It writes every sentence of a reading: nobody wrote German ones to choose from. */
const WRITING_MODEL = "gemma3-270m";
/** How soon the page must tell that an engine died. */
const TOLD_MS = 2_000;
/** More readings than the box takes at once. */
const TOO_MANY = 80;

test("an engine that dies in mid-sentence is told at once, the dream is kept, and trying again works", async ({ page, api }) => {
  await page.goto("/");
  const pid = await api.enginePid(WRITING_MODEL);
  await write(page, GERMAN);
  await page.getByRole("button", { name: "Read this dream" }).click();
  const region = page.getByRole("region", { name: "The model’s reading" });
  await expect(region.getByRole("heading", { level: 3 })).toBeVisible();
  process.kill(pid, "SIGKILL");
  await expect(page.getByText("The engine stopped in the middle of it.")).toBeVisible({ timeout: TOLD_MS });
  await expect(page.getByText("Your dream is kept. Nothing of it is lost.")).toBeVisible();
  await page.getByRole("button", { name: "Try again" }).click();
  await settled(page);
  await readingIsThere(page);
  expect(await api.enginePid(WRITING_MODEL)).not.toBe(pid);
});

test.describe("what the box refuses", () => {
  test.use({ tolerated: [/status of (422|429|503)/] });

  test("a letter that no dream has is named", async ({ page }) => {
    await page.goto("/");
    await write(page, "A bell rang in the empty house \u0007 and nobody came to the door.");
    await page.getByRole("button", { name: "Read this dream" }).click();
    await expect(page.getByText("The box did not accept it.")).toBeVisible();
    await expect(page.getByText(/control character U\+0007/)).toBeVisible();
  });

  test("a full box is waited for, and the dream is read when its turn comes", async ({ page, api }) => {
    const crowd = await api.crowd(TOO_MANY);
    try {
      expect(crowd.refused).toBeGreaterThan(0);
      await page.goto("/");
      await write(page, LIBRARY);
      await page.getByRole("button", { name: "Read this dream" }).click();
      await expect(page.getByText(/The box is busy|The box is not ready yet/).first()).toBeVisible();
    } finally {
      crowd.leave();
    }
    await settled(page);
  });

  test("whoever waits in a queue is told how many come before", async ({ page, api }) => {
    const crowd = await api.crowd(12);
    try {
      await page.goto("/");
      await write(page, numbered(950 + test.info().repeatEachIndex));
      await page.getByRole("button", { name: "Read this dream" }).click();
      await expect(page.getByText(/readings? comes? before yours|Yours is the next reading/).first()).toBeVisible();
    } finally {
      crowd.leave();
    }
    await settled(page);
  });

  test("a box that is still starting says so, takes the dream, and reads it when it can", async ({ page, origins }) => {
    const appliance = await Appliance.start({ name: "starting" });
    origins.add(appliance.base);
    try {
      await page.goto(`${appliance.base}/`);
      await expect(page.getByText("The box is getting ready.")).toBeVisible();
      await read(page, BRIDGE);
      await expect(page.getByText("The box is getting ready.")).toHaveCount(0);
      const fresh = new Api(appliance.base);
      await until(() => fresh.isReady(), "the fresh server is ready");
    } finally {
      // A page that hears news from the box would report its end.
      await page.close();
      await appliance.stop();
    }
  });
});
