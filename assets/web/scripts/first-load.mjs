// What a first visit downloads as script: the entry, the first page, the largest catalogue, and what they import. Fails
// above the budget.
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { dist } from "./dist.mjs";

const BUDGET_BYTES = 200 * 1024;
const FIRST_PAGE = "src/write/WritePage.tsx";

export function checkFirstLoad() {
  const path = join(dist, ".vite/manifest.json");
  const manifest = JSON.parse(readFileSync(path, "utf8"));
  // Of use to this check alone.
  rmSync(join(dist, ".vite"), { recursive: true });
  const size = (file) => gzipSync(readFileSync(join(dist, file)), { level: 9 }).length;
  const catalogues = Object.keys(manifest).filter((key) => /^src\/messages\/\w+\/index\.ts$/.test(key));
  const largest = catalogues.sort((a, b) => size(manifest[b].file) - size(manifest[a].file))[0];
  const chunks = new Set();
  const add = (key) => {
    if (chunks.has(key)) return;
    chunks.add(key);
    for (const imported of manifest[key].imports ?? []) add(imported);
  };
  for (const key of ["index.html", FIRST_PAGE, largest]) {
    if (!manifest[key]) throw new Error(`the build has no chunk ${key}: the first load cannot be measured`);
    add(key);
  }
  const files = [...chunks].map((key) => manifest[key].file).concat("theme.js");
  const bytes = files.reduce((sum, file) => sum + size(file), 0);
  const kib = (value) => (value / 1024).toFixed(1);
  console.log(`first load: ${kib(bytes)} KiB of script with gzip, in ${files.length} files (budget ${kib(BUDGET_BYTES)} KiB)`);
  if (bytes > BUDGET_BYTES) throw new Error("the first load is over its budget: split or drop something");
}
