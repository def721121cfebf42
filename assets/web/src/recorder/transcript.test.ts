import { expect, test } from "vitest";

import { hear } from "./transcript";
import type { Transcript } from "./transcript";

const START: Transcript = { phase: "sending" };

test("segments are joined as they come, and the transcript ends it", () => {
  const segment = (text: string) => ({ name: "segment", data: { start_ms: 0, end_ms: 1, text } });
  const hearing = [segment(" I was"), segment("flying. ")].reduce(
    hear,
    hear(START, { name: "waiting", data: { for: "queue", place: 3 } }),
  );
  expect(hearing).toEqual({ phase: "hearing", text: "I was flying." });
  const transcription = { text: "I was flying.", language: "en", duration_ms: 2, segments: [] };
  expect(hear(hearing, { name: "transcription", data: transcription })).toEqual({ phase: "heard", transcription });
});

test("a problem is shown as it came", () => {
  const problem = { type: "/problems/unsupported-media", title: "", status: 415, detail: "" };
  expect(hear(START, { name: "error", data: problem })).toEqual({ phase: "failed", failure: { kind: "problem", problem } });
});
