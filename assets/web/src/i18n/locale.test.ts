import { expect, test } from "vitest";

import { directionOf, pickLocale, regionalLocale } from "./locale";

test("a stored choice wins, then the first language there is a catalogue for", () => {
  expect(pickLocale("ar", ["ru-RU"])).toBe("ar");
  expect(pickLocale("tlh", ["de-AT", "ru-RU", "en"])).toBe("ru");
  expect(pickLocale(null, ["de"])).toBe("en");
});

test("dates follow the reader's region where it is known", () => {
  expect(regionalLocale("en", ["ru", "en-GB", "en-US"])).toBe("en-GB");
  expect(regionalLocale("ar", ["en-GB"])).toBe("ar");
});

test("scripts that run from right to left are known", () => {
  expect(["ar", "fa-IR", "he", "ru", "en"].map(directionOf)).toEqual(["rtl", "rtl", "rtl", "ltr", "ltr"]);
});
