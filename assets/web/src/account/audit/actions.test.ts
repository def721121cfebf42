import { expect, test } from "vitest";

import { actionWords, detailLines } from "./actions";

test("an action that is too new for the page has no words", () => {
  expect(actionWords("login-refused")).toBe("loginRefused");
  expect(actionWords("teleported")).toBeUndefined();
});

test("details are told one by one, without those that say nothing", () => {
  expect(detailLines({ from: "user", to: "admin", note: null, scopes: ["models"], days: 7 })).toEqual([
    "from: user",
    "to: admin",
    'scopes: ["models"]',
    "days: 7",
  ]);
});
