import type { Problem } from "./client";

/** Everything that can go wrong with a request, in one shape for the page. */
export interface Failure {
  /**
   * `offline`: this device has no network; `unreachable`: the box did not answer; `broken`: its answer ended early.
   * `passkey…`: the browser showed none, has one already, or cannot here.
   */
  kind: "offline" | "unreachable" | "broken" | "problem" | "passkeyUnshown" | "passkeyKnown" | "passkeyUnfit";
  problem?: Problem;
  /** Seconds after which trying again makes sense. */
  retryAfter?: number;
}

/** Whether the box itself said what is wrong; a proxy before it may say it in HTML. */
export function isProblem(value: unknown): value is Problem {
  return typeof value === "object" && value !== null && "status" in value && "type" in value;
}

/** The failure that an answer with an error status stands for. */
export function refused(response: Response, body: unknown): Failure {
  const seconds = Number(response.headers.get("retry-after"));
  const problem = isProblem(body)
    ? body
    : { type: "about:blank", title: response.statusText, status: response.status, detail: "" };
  return { kind: "problem", problem, ...(seconds > 0 ? { retryAfter: seconds } : {}) };
}

/** The failure that a thrown error stands for; `fetch` throws when nothing answers. */
export function thrown(error: unknown, answerBegun: boolean): Failure {
  if (isProblem(error)) return { kind: "problem", problem: error };
  if (!navigator.onLine) return { kind: "offline" };
  return { kind: answerBegun ? "broken" : "unreachable" };
}
