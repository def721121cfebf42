import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";

import type { Page } from "@playwright/test";

import { Api } from "./support/api";
import { animationsEnded } from "./support/page";
import { expect, test } from "./support/test";
import { ARABIC, GARDEN, HORSE, HORSE_AGAIN, RUSSIAN, TRAIN } from "./support/texts";

const FOLDER = resolve(process.env.ONEIROS_SCREENSHOTS ?? "test-results/screenshots");
const SCREENS = { wide: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };
const DREAMS = { en: HORSE, ru: RUSSIAN, ar: ARABIC };

test.beforeAll(async ({ baseURL }) => {
  test.setTimeout(600_000);
  const api = new Api(baseURL ?? "");
  await api.keep(GARDEN);
  await api.keep(TRAIN);
  for (const text of [HORSE, HORSE_AGAIN, RUSSIAN, ARABIC]) {
    await api.read(text);
  }
});

async function shoot(page: Page, name: string): Promise<void> {
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await page.waitForLoadState("networkidle");
  await animationsEnded(page);
  mkdirSync(FOLDER, { recursive: true });
  await page.screenshot({ path: join(FOLDER, `${name}.png`), fullPage: true });
}

for (const locale of ["en", "ru", "ar"] as const) {
  for (const [screen, viewport] of Object.entries(SCREENS)) {
    for (const theme of ["light", "dark"] as const) {
      test.describe(`${locale} ${screen} ${theme}`, () => {
        test.use({ locale, viewport, colorScheme: theme, tolerated: [/status of 404/] });

        test("every page", async ({ page, api }) => {
          const kind = `${locale}-${screen}-${theme}`;
          const dream = await api.read(DREAMS[locale]);
          const pages = { write: "/", dreams: "/dreams", dream: `/dreams/${dream}`, status: "/status", missing: "/no-such-page" };
          for (const [name, address] of Object.entries(pages)) {
            await page.goto(address);
            await shoot(page, `${kind}-${name}`);
          }
          await page.goto("/dreams");
          await page.getByRole("banner").getByRole("button").click();
          await shoot(page, `${kind}-settings`);
          await page.keyboard.press("Escape");
          await page.getByRole("main").getByRole("button").first().click();
          await shoot(page, `${kind}-delete`);
        });
      });
    }
  }
}
