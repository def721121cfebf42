import { expect, test } from "vitest";

import type { ServerEvent } from "../api/events";
import { advance, IDLE } from "./progress";

const dream = { id: "1", text: "A bridge.", language: "en", created_at: "2026-01-01T00:00:00Z" };
const delta = (field: string, text: string): ServerEvent => ({ name: "delta", data: { field, text } });

const after = (...events: ServerEvent[]) =>
  events.reduce(
    (progress, event) => advance(progress, { type: "event", event }),
    advance(IDLE, { type: "begin", request: { text: "A bridge." } }),
  );

test("a reading grows field by field", () => {
  const progress = after(
    { name: "dream", data: dream },
    { name: "similar", data: [] },
    delta("title", "Crossing"),
    delta("title", " a Bridge"),
    delta("mood", "hopeful"),
    delta("symbols.0.name", "bridge"),
    delta("symbols.0.quote", "A bridge"),
    delta("symbols.1.name", "river"),
    delta("symbols.0.meaning", "a change"),
    delta("emotions.0.name", "joy"),
    delta("emotions.0.intensity", "0.3"),
    delta("questions.1", "Who?"),
  );
  expect(progress.phase).toBe("writing");
  expect(progress.dream).toEqual(dream);
  expect(progress.similar).toEqual([]);
  expect(progress.text).toMatchObject({
    title: "Crossing a Bridge",
    mood: "hopeful",
    symbols: [
      { name: "bridge", quote: "A bridge", meaning: "a change" },
      { name: "river", quote: "", meaning: "" },
    ],
    emotions: [{ name: "joy", intensity: 0.3 }],
    questions: ["", "Who?"],
  });
});

test("what is waited for is told until the first word", () => {
  const waiting = after({ name: "dream", data: dream }, { name: "waiting", data: { for: "queue", place: 2, detail: null } });
  expect(waiting).toMatchObject({ phase: "waiting", waiting: { for: "queue", place: 2 } });
  expect(advance(waiting, { type: "event", event: delta("title", "A") })).toMatchObject({ phase: "writing", waiting: null });
});

test("an error keeps the dream and what was written", () => {
  const problem = { type: "/problems/engine-died", title: "", status: 503, detail: "it died", dream_id: "1" };
  const progress = after(
    { name: "dream", data: dream },
    delta("title", "Half"),
    { name: "error", data: problem },
    { name: "done", data: {} },
  );
  expect(progress).toMatchObject({ phase: "failed", dream, text: { title: "Half" }, failure: { kind: "problem", problem } });
});

test("a cached reading comes whole, and unknown fields and events do no harm", () => {
  const reading = { title: "Whole", symbols: [], questions: [] };
  const progress = after(
    { name: "dream", data: dream },
    delta("colour", "blue"),
    { name: "hum", data: 1 },
    { name: "interpretation", data: reading },
  );
  expect(progress).toMatchObject({ phase: "done", text: { title: "Whole" }, reading });
});

test("reading a kept dream again begins with it", () => {
  expect(advance(IDLE, { type: "begin", request: { dream } })).toMatchObject({ phase: "sending", dream, sent: null });
});

test("a box that takes nothing is not said to read, also when the dream is kept already", () => {
  const begun = advance(IDLE, { type: "begin", request: { dream } });
  const turnedAway = advance(begun, { type: "not-ready" });
  expect(turnedAway).toMatchObject({ phase: "waiting", refused: true });
  const taken = advance(turnedAway, { type: "event", event: { name: "dream", data: dream } });
  expect(taken).toMatchObject({ phase: "waiting", refused: false });
});

const message = { title: "You need not be alone", text: [], language: "en", resources: [] };

test("words of help stay beside what comes after them", () => {
  const progress = after({ name: "dream", data: dream }, { name: "care", data: message }, delta("title", "A sea"));
  expect(progress).toMatchObject({ phase: "writing", care: message, text: { title: "A sea" } });
});

test("words of help come with a problem, too, and the same ones again are no others", () => {
  const problem = { type: "/problems/busy", title: "", status: 429, detail: "", care: message };
  const begun = after({ name: "dream", data: dream });
  expect(advance(begun, { type: "event", event: { name: "error", data: problem } }).care).toBe(message);
  expect(advance(begun, { type: "fail", failure: { kind: "problem", problem } }).care).toBe(message);
  const turnedAway = advance(begun, { type: "not-ready", care: message });
  expect(advance(turnedAway, { type: "not-ready", care: { ...message } }).care).toBe(message);
  expect(advance(turnedAway, { type: "not-ready" }).care).toBe(message);
});

test("words of help alone are an answer, but only once it has ended", () => {
  const begun = after({ name: "dream", data: dream }, { name: "care", data: message }, { name: "similar", data: [] });
  expect(begun.phase).toBe("waiting");
  expect(advance(begun, { type: "event", event: { name: "done", data: {} } })).toMatchObject({ phase: "done", reading: null });
  expect(after({ name: "dream", data: dream }, { name: "done", data: {} }).phase).toBe("waiting");
});
