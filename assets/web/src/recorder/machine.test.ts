import { expect, test } from "vitest";

import { lengthAt, step } from "./machine";
import type { RecorderEvent, RecorderState } from "./machine";

const run = (...events: RecorderEvent[]) => events.reduce<RecorderState>(step, { name: "idle" });

test("pauses do not count", () => {
  const state = run(
    { type: "ask" },
    { type: "granted", now: 1_000 },
    { type: "pause", now: 4_000 },
    { type: "resume", now: 60_000 },
  );
  expect(lengthAt(state, 62_500)).toBe(5_500);
  const stopping = step(state, { type: "stop", now: 63_000 });
  expect(stopping).toEqual({ name: "stopping", length: 6_000 });
  expect(step(stopping, { type: "stopped" })).toEqual({ name: "idle" });
});

test("a recording can be stopped while it is paused", () => {
  const state = run({ type: "ask" }, { type: "granted", now: 0 }, { type: "pause", now: 2_000 }, { type: "stop", now: 9_000 });
  expect(state).toEqual({ name: "stopping", length: 2_000 });
});

test("an event that does not fit changes nothing", () => {
  const recording = run({ type: "ask" }, { type: "granted", now: 0 });
  expect(step(recording, { type: "ask" })).toBe(recording);
  expect(step(recording, { type: "resume", now: 5 })).toBe(recording);
  expect(run({ type: "stop", now: 1 }, { type: "pause", now: 2 }, { type: "stopped" })).toEqual({ name: "idle" });
});

test("a refusal says why, and one can ask again", () => {
  const refused = run({ type: "ask" }, { type: "refused", refusal: "denied" });
  expect(refused).toEqual({ name: "refused", refusal: "denied" });
  expect(step(refused, { type: "ask" })).toEqual({ name: "asking" });
});
