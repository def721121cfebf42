import { expect, test } from "vitest";

import { inFours } from "./inFours";

test.each([
  ["JBSWY3DPEHPK3PXP", "JBSW Y3DP EHPK 3PXP"],
  ["JBSWY", "JBSW Y"],
  ["", ""],
])("%s is shown as %s", (secret, shown) => {
  expect(inFours(secret)).toBe(shown);
});
