import { expect, test } from "vitest";

import { readLimit } from "./limit";

test.each([
  ["", null],
  ["  ", null],
  ["20", 20],
  [" ٢٠ ", 20],
  ["0", undefined],
  ["-3", undefined],
  ["1.5", undefined],
  ["many", undefined],
])("%j is read as %s", (text, limit) => {
  expect(readLimit(text)).toBe(limit);
});
