import { expect, test } from "vitest";

import { csrfToken, onlyAsks } from "./csrf";

test("the token is found among other cookies, with whatever it holds", () => {
  expect(csrfToken("theme=dark; __Host-oneiros-csrf=abc-_9; x=1")).toBe("abc-_9");
  expect(csrfToken("__Host-oneiros-csrf=YWJj==")).toBe("YWJj==");
});

test("without the cookie, and with an empty or a like-named one, there is no token", () => {
  expect(csrfToken("")).toBeNull();
  expect(csrfToken("__Host-oneiros-csrf=")).toBeNull();
  expect(csrfToken("oneiros-csrf=abc; x__Host-oneiros-csrf=abc")).toBeNull();
});

test("whatever may change something needs the token", () => {
  expect(["GET", "HEAD"].every(onlyAsks)).toBe(true);
  expect(["POST", "PATCH", "PUT", "DELETE"].some(onlyAsks)).toBe(false);
});
