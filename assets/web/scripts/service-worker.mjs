// dist/sw.js: the worker with the list of the built files, named by their content so that a new build is a new cache.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { dist, distFiles, root } from "./dist.mjs";

const SHELL = /\.(html|js|css|svg|png|webmanifest)$/;

export function writeServiceWorker() {
  const files = distFiles().filter((file) => SHELL.test(file) && file !== "sw.js");
  const hash = createHash("sha256");
  for (const file of files) hash.update(file).update(readFileSync(join(dist, file)));
  const addresses = files.map((file) => (file === "index.html" ? "/" : `/${file}`));
  const source = readFileSync(join(root, "src/service-worker.js"), "utf8");
  const worker = source
    .replace('"__VERSION__"', JSON.stringify(hash.digest("hex").slice(0, 16)))
    .replace('["__FILES__"]', JSON.stringify(addresses));
  if (worker.includes("__FILES__") || worker.includes("__VERSION__"))
    throw new Error("src/service-worker.js lost its placeholders");
  writeFileSync(join(dist, "sw.js"), worker);
}
