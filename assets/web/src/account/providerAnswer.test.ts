import { expect, test } from "vitest";

import { answerIn } from "./providerAnswer";

const known = ["refused", "failed"] as const;

test.each([
  ["?provider=refused", "refused"],
  ["?a=b&provider=failed", "failed"],
  ["?provider=%3Cscript%3E", null],
  ["?provider=", null],
  ["", null],
])("%s says %s", (search, answer) => {
  expect(answerIn(search, known)).toBe(answer);
});
