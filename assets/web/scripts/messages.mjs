// What is wrong with the message catalogues, as sentences. The English catalogue names the keys; the source uses them;
// every other catalogue has them all and no other.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** `{a: {b: "text"}}` → `{"a.b": "text"}`. */
export function flatten(tree, prefix = "") {
  return Object.entries(tree).reduce((flat, [key, value]) => {
    const name = prefix ? `${prefix}.${key}` : key;
    return Object.assign(flat, typeof value === "string" ? { [name]: value } : flatten(value, name));
  }, {});
}

const PLURAL = /_(zero|one|two|few|many|other)$/;

/** A key without its plural form. */
export const stem = (key) => key.replace(PLURAL, "");

const isPlural = (catalogue, key) => PLURAL.test(key) && `${stem(key)}_other` in catalogue;
const placeholders = (text) => new Set([...text.matchAll(/\{\{\s*(\w+)/g)].map((match) => match[1]));

/** Catalogue against catalogue: the same keys, all plural forms of the language, no foreign placeholders. */
export function compareCatalogues(locale, catalogue, english) {
  const wrong = [];
  const forms = new Intl.PluralRules(locale).resolvedOptions().pluralCategories;
  const wanted = new Set();
  for (const key of Object.keys(english)) {
    if (!isPlural(english, key)) wanted.add(key);
    else for (const form of forms) wanted.add(`${stem(key)}_${form}`);
  }
  for (const key of wanted) if (!(key in catalogue)) wrong.push(`${locale}: ${key} is missing`);
  for (const [key, text] of Object.entries(catalogue)) {
    if (!wanted.has(key)) wrong.push(`${locale}: ${key} is one too many`);
    if (text.trim() === "") wrong.push(`${locale}: ${key} is empty`);
    const plural = PLURAL.test(key) && `${stem(key)}_other` in english;
    const known = placeholders(english[key] ?? english[`${stem(key)}_other`] ?? text);
    if (plural) known.add("count");
    for (const name of placeholders(text))
      if (!known.has(name)) wrong.push(`${locale}: ${key} has the unknown placeholder {{${name}}}`);
    // A form for one number alone may say it in words; nothing else may lose a value.
    if (plural && /_(zero|one|two)$/.test(key)) continue;
    for (const name of known) {
      if (!placeholders(text).has(name) && !(plural && name === "count")) wrong.push(`${locale}: ${key} lacks {{${name}}}`);
    }
  }
  return wrong;
}

/**
 * Source against the catalogue. A key is any string literal that begins with an area's name and a dot; a template
 * literal such as `dream.lens.${lens}` uses every key that fits.
 */
export function compareSource(sources, english) {
  const wrong = [];
  const areas = new Set(Object.keys(english).map((key) => key.split(".")[0]));
  const keys = new Set(Object.keys(english).map((key) => (isPlural(english, key) ? stem(key) : key)));
  const unused = new Set(keys);
  for (const { file, text } of sources) {
    for (const [, quoted, template] of text.matchAll(/"((?:\w+\.)+\w+)"|`((?:\w+\.)+[^`]*)`/g)) {
      const literal = quoted ?? template;
      if (!areas.has(literal.split(".")[0])) continue;
      const pattern = new RegExp(
        `^${literal
          .split(/\$\{[^}]*\}/)
          .map((part) => part.replaceAll(".", "\\."))
          .join("\\w+")}$`,
      );
      const used = [...keys].filter((key) => pattern.test(key));
      if (used.length === 0) wrong.push(`${file}: ${literal} is in no catalogue`);
      for (const key of used) unused.delete(key);
    }
  }
  for (const key of unused) wrong.push(`en: ${key} is used nowhere`);
  return wrong;
}

/** The catalogue of a locale, flat. */
export function readCatalogue(folder, locale) {
  const files = readdirSync(join(folder, locale)).filter((file) => file.endsWith(".json"));
  const tree = Object.fromEntries(
    files.map((file) => [file.slice(0, -5), JSON.parse(readFileSync(join(folder, locale, file), "utf8"))]),
  );
  return flatten(tree);
}
