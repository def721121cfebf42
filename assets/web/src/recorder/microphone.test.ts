import { expect, test } from "vitest";

import { refusalOf } from "./microphone";

test.each([
  ["NotAllowedError", "denied"],
  ["NotFoundError", "absent"],
  ["NotReadableError", "taken"],
  ["QuotaExceededError", "storage"],
  ["NotSupportedError", "unsupported"],
])("%s is said as %s", (name, refusal) => {
  expect(refusalOf(new DOMException("", name))).toBe(refusal);
});
