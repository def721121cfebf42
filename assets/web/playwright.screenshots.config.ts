/**
 * `npm run screenshots -- FOLDER`: pictures of every page, wide and on a phone, by day and by night, in each language,
 * for people to look at.
 */
import { defineConfig } from "@playwright/test";

import base from "./playwright.config";

export default defineConfig({ ...base, testMatch: ["screenshots.ts", "*.screenshots.ts"] });
