import { expect, test } from "vitest";

import { refused } from "../api/problem";
import { waitOf } from "./wait";

test.each([
  [0.2, "seconds", 1],
  [1, "seconds", 1],
  [90, "seconds", 90],
  [120, "minutes", 2],
  [121, "minutes", 3],
  [3_600, "minutes", 60],
  [7_201, "hours", 3],
])("%d seconds are said in %s", (seconds, unit, count) => {
  expect(waitOf(seconds)).toEqual({ unit, count });
});

test("the time comes from the answer's header", () => {
  const answer = new Response(null, { status: 429, headers: { "retry-after": "45" } });
  expect(refused(answer, null).retryAfter).toBe(45);
  expect(refused(new Response(null, { status: 429 }), null).retryAfter).toBeUndefined();
});
