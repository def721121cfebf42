import { expect, test } from "vitest";

import type { Account, SessionState } from "../../api/client";
import { gateOf, isDoor, stageOf } from "./gate";

const account: Account = {
  id: "0191",
  name: "maryam",
  email: null,
  role: "user",
  has_password: true,
  language: null,
  time_zone: null,
  place: null,
  created_at: "2026-01-01T00:00:00Z",
};
const unclaimed: SessionState = {
  stage: "unclaimed",
  account: null,
  registration: "closed",
  scopes: [],
  must_add_second_factor: false,
  provider: null,
};
const claimed: SessionState = { ...unclaimed, stage: "claimed" };
const signedIn: SessionState = { ...claimed, account };

const limited: SessionState = { ...signedIn, must_add_second_factor: true };

const answered = { waiting: false, last: "unclaimed", adding: false, path: "/" } as const;

test("the pages are for whoever sits at a box without accounts, and for whoever is signed in", () => {
  expect(gateOf({ ...answered, session: unclaimed })).toBe("app");
  expect(gateOf({ ...answered, session: signedIn })).toBe("app");
});

test("a box with accounts lets nobody else past its doors", () => {
  expect(gateOf({ ...answered, session: claimed })).toBe("log-in");
  expect(gateOf({ ...answered, session: claimed, path: "/dreams" })).toBe("log-in");
  expect(
    ["/setup", "/join", "/join/", "/reset", "/login", "/trust"].map((path) => gateOf({ ...answered, session: claimed, path })),
  ).toEqual(Array(6).fill("door"));
});

test("what the box says counts for more than what was known", () => {
  expect(gateOf({ ...answered, session: claimed, last: "signed-in" })).toBe("log-in");
  expect(gateOf({ ...answered, session: unclaimed, last: "claimed" })).toBe("app");
});

test("a first answer is waited for; then it goes on as last known", () => {
  expect(gateOf({ ...answered, session: undefined, waiting: true, last: "signed-in" })).toBe("wait");
  const silent = { ...answered, session: undefined };
  expect(gateOf({ ...silent, last: "unclaimed" })).toBe("app");
  expect(gateOf({ ...silent, last: "signed-in" })).toBe("app");
  expect(gateOf({ ...silent, last: "claimed" })).toBe("log-in");
  expect(gateOf({ ...silent, last: "claimed", path: "/reset" })).toBe("door");
});

test("whoever must have a second factor gets the way to one, until what came of it was shown", () => {
  expect(gateOf({ ...answered, session: limited, path: "/dreams" })).toBe("second-factor");
  expect(gateOf({ ...answered, session: limited, path: "/trust" })).toBe("door");
  expect(gateOf({ ...answered, session: signedIn, adding: true })).toBe("second-factor");
  expect(gateOf({ ...answered, session: claimed, adding: true })).toBe("log-in");
});

test("only the doors are doors", () => {
  expect(["/", "/account", "/joining", "/people/join", "/dreams/login"].some(isDoor)).toBe(false);
});

test("the stage is kept without a word about the person", () => {
  expect([unclaimed, claimed, signedIn].map(stageOf)).toEqual(["unclaimed", "claimed", "signed-in"]);
});
