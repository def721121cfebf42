import { expect, test } from "vitest";

import { fromBase64Url, toBase64Url } from "./base64url";

test.each([
  [[], ""],
  [[0], "AA"],
  [[251, 255, 254], "-__-"],
  [[104, 111, 114, 115, 101], "aG9yc2U"],
])("%j is written %s, and read back", (bytes, text) => {
  expect(toBase64Url(Uint8Array.from(bytes).buffer)).toBe(text);
  expect([...fromBase64Url(text)]).toEqual(bytes);
});
