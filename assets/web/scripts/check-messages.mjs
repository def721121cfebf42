// `npm run check:messages`: fails for a missing, unused or extra key, a missing plural form, a wrong placeholder.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { root } from "./dist.mjs";
import { compareCatalogues, compareSource, readCatalogue } from "./messages.mjs";

const folder = join(root, "src/messages");
const locales = readdirSync(folder);
const english = readCatalogue(folder, "en");
const files = readdirSync(join(root, "src"), { recursive: true }).filter(
  (file) => /\.tsx?$/.test(file) && !/\.test\.tsx?$/.test(file),
);
const sources = files.map((file) => ({ file: `src/${file}`, text: readFileSync(join(root, "src", file), "utf8") }));

const wrong = compareSource(sources, english);
for (const locale of locales) wrong.push(...compareCatalogues(locale, readCatalogue(folder, locale), english));
for (const line of wrong) console.error(line);
console.log(`${Object.keys(english).length} messages in ${locales.length} languages, ${wrong.length} faults`);
process.exitCode = wrong.length > 0 ? 1 : 0;
