// `npm run screenshots -- FOLDER`: pictures of every page, for people to look at.
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";

const folder = process.argv[2];
if (!folder) {
  console.error("Name the folder for the pictures: npm run screenshots -- FOLDER");
  process.exit(2);
}
const environment = { ...process.env, ONEIROS_SCREENSHOTS: resolve(folder) };
const { status } = spawnSync("npx", ["playwright", "test", "--config", "playwright.screenshots.config.ts"], {
  stdio: "inherit",
  env: environment,
});
process.exitCode = status ?? 1;
