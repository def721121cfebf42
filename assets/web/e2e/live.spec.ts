import { expect, test } from "./support/test";
import { numbered } from "./support/texts";

test("each tab shows what is told elsewhere without being asked, and the browser has one stream for all", async ({
  page,
  context,
  api,
}) => {
  let streams = 0;
  context.on("request", (request) => {
    if (request.resourceType() === "eventsource" && request.serviceWorker() === null) {
      streams += 1;
    }
  });
  await page.goto("/dreams");
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await expect.poll(() => streams).toBe(1);
  const second = await context.newPage();
  await second.goto("/dreams");
  await expect(second.getByRole("heading", { level: 1 })).toBeVisible();
  const text = numbered(7_000 + test.info().repeatEachIndex);
  await api.keep(text);
  await expect(page.getByText(text).first()).toBeVisible();
  await expect(second.getByText(text).first()).toBeVisible();
  expect(streams).toBe(1);

  // The tab that had the stream goes: another one takes over.
  await page.close();
  await expect.poll(() => streams).toBe(2);
  const later = numbered(8_000 + test.info().repeatEachIndex);
  await api.keep(later);
  await expect(second.getByText(later).first()).toBeVisible();
});
