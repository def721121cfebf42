/** How the browser tests run: Debian's Chromium, one worker, the real server, no time limit that a slow machine would miss. */
import { defineConfig } from "@playwright/test";

import { chromiumLaunch } from "./e2e/support/browser";
import { RESULTS } from "./e2e/support/paths";

const SECOND = 1_000;

export default defineConfig({
  testDir: "e2e",
  testMatch: "*.spec.ts",
  outputDir: RESULTS,
  globalSetup: "./e2e/support/global-setup.ts",
  workers: 1,
  fullyParallel: false,
  forbidOnly: true,
  retries: 0,
  maxFailures: 0,
  timeout: 120 * SECOND,
  expect: { timeout: 30 * SECOND },
  reporter: [["list"]],
  use: {
    browserName: "chromium",
    launchOptions: chromiumLaunch(),
    baseURL: process.env.ONEIROS_E2E_BASE,
    locale: "en-GB",
    colorScheme: "light",
    actionTimeout: 30 * SECOND,
    navigationTimeout: 30 * SECOND,
    screenshot: "only-on-failure",
    trace: "off",
  },
});
