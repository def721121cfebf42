import { expect, test } from "vitest";

import type { Failure } from "../api/problem";
import { takenField } from "./refusedFields";

const refusal = (status: number, detail: string): Failure => ({
  kind: "problem",
  problem: { type: "/problems/conflict", title: "Not as things are", status, detail },
});

test("what another account has already is named first", () => {
  expect(takenField(refusal(409, "name: somebody here has this name: choose another"))).toBe("name");
  expect(takenField(refusal(409, "email: somebody here has this address"))).toBe("email");
});

test("other refusals name no field", () => {
  expect(takenField(refusal(409, "this is the last admin: make somebody else an admin first"))).toBeUndefined();
  expect(takenField(refusal(422, "name: too short"))).toBeUndefined();
  expect(takenField(null)).toBeUndefined();
});
