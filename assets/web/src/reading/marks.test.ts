import { expect, test } from "vitest";

import { segmentDream } from "./marks";

const shown = (dream: string, symbols: { name: string; quote: string }[]) =>
  segmentDream(dream, symbols).map(({ text, symbol }) => (symbol === null ? text : `[${symbol}:${text}]`));

test("a symbol is marked where its quote stands, in the order of the text", () => {
  const symbols = [
    { name: "lantern", quote: "waited with a lantern" },
    { name: "bridge", quote: "narrow bridge" },
  ];
  expect(shown("I crossed a narrow bridge; she waited with a lantern.", symbols)).toEqual([
    "I crossed a ",
    "[1:narrow bridge]",
    "; she ",
    "[0:waited with a lantern]",
    ".",
  ]);
});

test("case and line breaks do not hide a quote", () => {
  expect(shown("A White\nHorse stood there.", [{ name: "horse", quote: "white horse" }])).toEqual([
    "A ",
    "[0:White\nHorse]",
    " stood there.",
  ]);
});

test("a quote that overlaps another falls back to the symbol's name", () => {
  const symbols = [
    { name: "river", quote: "over a dark river" },
    { name: "boat", quote: "dark river boat" },
  ];
  expect(shown("A boat over a dark river.", symbols)).toEqual(["A ", "[1:boat]", " ", "[0:over a dark river]", "."]);
});

test("a symbol within another's quote gets its name, and the other what is left", () => {
  const symbols = [
    { name: "mirrors", quote: "corridor of mirrors and my brother" },
    { name: "brother", quote: "mirrors and my brother" },
  ];
  expect(shown("A corridor of mirrors and my brother behind.", symbols)).toEqual([
    "A ",
    "[0:corridor of mirrors and my]",
    " ",
    "[1:brother]",
    " behind.",
  ]);
  const same = [
    { name: "horse", quote: "white horse" },
    { name: "horse", quote: "horse" },
  ];
  expect(shown("A white horse.", same)).toEqual(["A ", "[0:white horse]", "."]);
});

test("a name is not found inside another word, in any script", () => {
  expect(shown("My heart beat.", [{ name: "art", quote: "" }])).toEqual(["My heart beat."]);
  expect(shown("Подмостки и мост.", [{ name: "мост", quote: "" }])).toEqual(["Подмостки и ", "[0:мост]", "."]);
  expect(shown("كان في الماء حصان أبيض.", [{ name: "حصان", quote: "حصان أبيض" }])).toEqual([
    "كان في الماء ",
    "[0:حصان أبيض]",
    ".",
  ]);
});

test("all of the dream comes back, whatever is asked for", () => {
  const dream = "Why (again?) the + sign… 👩‍🚀 twice, twice.";
  const symbols = [
    { name: "+", quote: "(again?)" },
    { name: "twice", quote: "twice" },
    { name: "twice", quote: "twice" },
  ];
  expect(
    segmentDream(dream, symbols)
      .map((segment) => segment.text)
      .join(""),
  ).toBe(dream);
});

test("scripts without spaces between words are marked within a sentence", () => {
  expect(shown("我走过一座狭窄的桥，河水是黑的。", [{ name: "桥", quote: "狭窄的桥" }])).toEqual([
    "我走过一座",
    "[0:狭窄的桥]",
    "，河水是黑的。",
  ]);
});
