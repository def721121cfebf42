import { expect, test } from "vitest";

import { countCharacters } from "./characters";

test.each([
  ["", 0],
  ["  a dream \n", 7],
  ["👩‍🚀👨‍👩‍👧", 2],
  ["e\u0301te\u0301", 3],
  ["حُلْمٌ", 3],
  ["сон", 3],
])("%j has %i characters as people count them", (text, count) => {
  expect(countCharacters(text)).toBe(count);
});
