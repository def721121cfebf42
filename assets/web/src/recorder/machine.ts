/** Why the microphone gave nothing. */
export type Refusal = "denied" | "absent" | "taken" | "insecure" | "unsupported" | "storage";

/** What the recorder does. Times are milliseconds; `since` is when it last went on, by the same clock as `now`. */
export type RecorderState =
  | { name: "idle" }
  | { name: "asking" }
  | { name: "recording"; before: number; since: number }
  | { name: "paused"; before: number }
  | { name: "stopping"; length: number }
  | { name: "refused"; refusal: Refusal };

export type RecorderEvent =
  | { type: "ask" }
  | { type: "granted"; now: number }
  | { type: "refused"; refusal: Refusal }
  | { type: "pause"; now: number }
  | { type: "resume"; now: number }
  | { type: "stop"; now: number }
  | { type: "stopped" };

/** How much has been recorded, pauses left out. */
export function lengthAt(state: RecorderState, now: number): number {
  if (state.name === "recording") return state.before + Math.max(0, now - state.since);
  if (state.name === "paused") return state.before;
  return state.name === "stopping" ? state.length : 0;
}

/** An event that does not fit the state changes nothing: a button may be pressed twice. */
export function step(state: RecorderState, event: RecorderEvent): RecorderState {
  switch (event.type) {
    case "ask":
      return state.name === "idle" || state.name === "refused" ? { name: "asking" } : state;
    case "granted":
      return state.name === "asking" ? { name: "recording", before: 0, since: event.now } : state;
    case "refused":
      return { name: "refused", refusal: event.refusal };
    case "pause":
      return state.name === "recording" ? { name: "paused", before: lengthAt(state, event.now) } : state;
    case "resume":
      return state.name === "paused" ? { name: "recording", before: state.before, since: event.now } : state;
    case "stop":
      return state.name === "recording" || state.name === "paused"
        ? { name: "stopping", length: lengthAt(state, event.now) }
        : state;
    case "stopped":
      return state.name === "stopping" ? { name: "idle" } : state;
  }
}
