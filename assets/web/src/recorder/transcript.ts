import type { Problem, Schemas, Transcription } from "../api/client";
import type { ServerEvent } from "../api/events";
import type { Failure } from "../api/problem";

/** Where turning a recording into text stands. */
export type Transcript =
  | { phase: "idle" }
  | { phase: "sending" }
  | { phase: "waiting"; place: number }
  | { phase: "hearing"; text: string }
  | { phase: "heard"; transcription: Transcription }
  | { phase: "failed"; failure: Failure };

export function hear(transcript: Transcript, { name, data }: ServerEvent): Transcript {
  switch (name) {
    case "waiting":
      return { phase: "waiting", place: (data as { place?: number | null }).place ?? 0 };
    case "segment": {
      const before = transcript.phase === "hearing" ? transcript.text : "";
      return { phase: "hearing", text: `${before} ${(data as Schemas["Segment"]).text.trim()}`.trim() };
    }
    case "transcription":
      return { phase: "heard", transcription: data as Transcription };
    case "error":
      return { phase: "failed", failure: { kind: "problem", problem: data as Problem } };
    default:
      return transcript;
  }
}
