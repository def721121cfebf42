import { expect, test } from "vitest";

import { codeIn } from "./code";

test("the code is what stands after the sign", () => {
  expect(codeIn("#Ab3-_x")).toBe("Ab3-_x");
  expect(codeIn("#a%2Fb")).toBe("a/b");
  expect(codeIn("#100%")).toBe("100%");
});

test("without one there is none", () => {
  expect(codeIn("")).toBeNull();
  expect(codeIn("#")).toBeNull();
  expect(codeIn("#%20")).toBeNull();
});
