import type { Failure } from "../api/problem";

const byType = {
  "/problems/no-reading": "noReading",
  "/problems/engine-died": "engineDied",
  "/problems/unauthenticated": "signedOut",
  "/problems/forbidden": "forbidden",
  "/problems/csrf": "outOfDate",
  "/problems/log-in-again": "logInAgain",
  "/problems/not-shown": "notShown",
} as const;

const byStatus = {
  404: "gone",
  408: "slow",
  409: "conflict",
  413: "tooLarge",
  415: "unsupported",
  422: "invalid",
  429: "busy",
  503: "unavailable",
  507: "diskFull",
} as const;

/** Which of the catalogue's failures this is. */
export function failureName({ kind, problem }: Failure) {
  if (kind !== "problem" || !problem) return kind === "problem" ? "other" : kind;
  const known: Record<string, (typeof byType)[keyof typeof byType]> = byType;
  const statuses: Record<number, (typeof byStatus)[keyof typeof byStatus]> = byStatus;
  return known[problem.type] ?? statuses[problem.status] ?? "other";
}
