import { expect, test } from "vitest";

import { composedSymbols, hasComposedQuestion, isComposed, isWhollyComposed } from "./composedFields";

test("fields that the server composed are known by their names", () => {
  const composed = ["summary", "symbols.0.meaning", "symbols.12.meaning", "questions.1"];
  expect([isComposed(composed, "summary"), isComposed(composed, "advice")]).toEqual([true, false]);
  expect(composedSymbols(composed)).toEqual([0, 12]);
  expect(composedSymbols(["symbols.0.quote", "symbols"])).toEqual([]);
  expect([isWhollyComposed(composed), isWhollyComposed([...composed, "title", "interpretation"])]).toEqual([false, true]);
  expect([hasComposedQuestion(composed), hasComposedQuestion(["summary"])]).toEqual([true, false]);
});
