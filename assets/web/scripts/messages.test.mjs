import { expect, test } from "vitest";

import { compareCatalogues, compareSource, flatten } from "./messages.mjs";

const english = flatten({
  dream: { title: "Dream", count_one: "{{count}} dream", count_other: "{{count}} dreams", by: "by {{name}}" },
});

test("a catalogue with every key and plural form is in order", () => {
  const russian = flatten({
    dream: {
      title: "Сон",
      count_one: "{{count}} сон",
      count_few: "{{count}} сна",
      count_many: "{{count}} снов",
      count_other: "{{count}} сна",
      by: "{{name}}",
    },
  });
  expect(compareCatalogues("ru", russian, english)).toEqual([]);
});

test("a missing key, a missing plural form, a key too many, an empty text and a lost value are named", () => {
  const russian = flatten({
    dream: { count_one: "один", count_few: "{{count}}", count_other: "{{count}}", by: "{{who}}", more: " " },
  });
  expect(compareCatalogues("ru", russian, english)).toEqual([
    "ru: dream.title is missing",
    "ru: dream.count_many is missing",
    "ru: dream.by has the unknown placeholder {{who}}",
    "ru: dream.by lacks {{name}}",
    "ru: dream.more is one too many",
    "ru: dream.more is empty",
  ]);
});

test("Arabic needs all six forms, of which the dual may say its number in words", () => {
  const arabic = flatten({
    dream: {
      title: "حلم",
      by: "{{name}}",
      count_zero: "لا شيء",
      count_one: "حلم",
      count_two: "حلمان",
      count_few: "{{count}}",
      count_many: "{{count}}",
    },
  });
  expect(compareCatalogues("ar", arabic, english)).toEqual(["ar: dream.count_other is missing"]);
});

test("the source must use every key, and only keys that exist", () => {
  const sources = [{ file: "a.tsx", text: 't("dream.title"); t("dream.nothing"); t(`dream.${kind}`); t("other.words")' }];
  expect(compareSource(sources, flatten({ dream: { title: "", by: "", deep: { down: "" } } }))).toEqual([
    "a.tsx: dream.nothing is in no catalogue",
    "en: dream.deep.down is used nowhere",
  ]);
});
