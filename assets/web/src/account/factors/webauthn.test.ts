import { expect, test } from "vitest";

import { ceremonyFailure, isBareAddress } from "./webauthn";

test("a passkey needs a name of the box, not its bare address", () => {
  expect(["127.0.0.1", "192.168.178.20", "[::1]"].every(isBareAddress)).toBe(true);
  expect(["localhost", "dreams.home.arpa", "3.dreams.example"].some(isBareAddress)).toBe(false);
});

test.each([
  ["NotAllowedError", "passkeyUnshown"],
  ["AbortError", "passkeyUnshown"],
  ["InvalidStateError", "passkeyKnown"],
  ["SecurityError", "passkeyUnfit"],
])("of a browser's %s it is said: %s", (name, kind) => {
  expect(ceremonyFailure(new DOMException("", name))).toBe(kind);
});

test("what nobody foresaw is no passkey either", () => {
  expect(ceremonyFailure(new TypeError("not a function"))).toBe("passkeyUnfit");
});
