import { expect, test } from "./support/test";

const EMBEDDING_MODEL = "multilingual-e5-small";
/** A small part that no profile of these tests holds. */
const SMALL_PART = "onnxruntime";
const PULL_MS = 90_000;

test("the page says what is enforced, and that nothing has left", async ({ page }) => {
  await page.goto("/status");
  await expect(page.getByText("Nothing you dream leaves this box.")).toBeVisible();
  await expect(page.getByText("Nothing has left this box since the server was started.")).toBeVisible();
  const engines = page.getByRole("region", { name: "Engines" });
  await expect(engines.getByText("Shut in by the kernel")).toHaveCount(4);
  await engines.getByText("What exactly is enforced").first().click();
  await expect(engines.getByText("Opening a network connection is not on it.").first()).toBeVisible();
});

test("an engine that is killed is seen to start again", async ({ page, api }) => {
  await page.goto("/status");
  const card = page.getByRole("region", { name: "Engines" }).getByRole("listitem").filter({ hasText: EMBEDDING_MODEL });
  const restarts = card.getByRole("definition").last();
  const before = Number(await restarts.textContent());
  process.kill(await api.enginePid(EMBEDDING_MODEL), "SIGKILL");
  await expect(restarts).toHaveText(String(before + 1));
  await expect(card.getByText("Ready", { exact: true })).toBeVisible();
});

test("a model in use cannot be removed, and the page says why", async ({ page, api }) => {
  await page.goto("/status");
  const models = page.getByRole("region", { name: "Models" });
  const card = models.getByRole("listitem").filter({ hasText: "Whisper base" });
  await expect(card.getByText("It is in use, so it cannot be removed.")).toBeVisible();
  await expect(card.getByRole("button")).toHaveCount(0);
  const answer = await fetch(`${api.base}/api/v1/models/whisper-base`, { method: "DELETE" });
  expect(answer.status).toBe(409);
});

test("a part is fetched with its progress shown, then removed after asking", async ({ page, api }) => {
  const title = await api.modelTitle(SMALL_PART);
  await page.goto("/status");
  const card = page.getByRole("region", { name: "Models" }).getByRole("listitem").filter({ hasText: title });
  await card.getByRole("button", { name: `Fetch ${title}` }).click();
  await expect(
    card
      .getByRole("progressbar")
      .or(card.getByText("On this box", { exact: true }))
      .first(),
  ).toBeVisible();
  const failed = card.getByText("Could not be fetched");
  await expect(card.getByText("On this box", { exact: true }).or(failed).first()).toBeVisible({ timeout: PULL_MS });
  test.skip(
    await failed.isVisible(),
    `neither the hub nor the package mirror has ${SMALL_PART} for this machine: ${(await card.textContent()) ?? ""}`,
  );
  await expect(page.getByText(/requests? (has|have) left since the server was started/)).toBeVisible();
  await card.getByRole("button", { name: `Remove ${title}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove it" }).click();
  await expect(card.getByText("Not on this box")).toBeVisible();
  await expect(page.getByRole("heading", { name: "Models" })).toBeVisible();
});
