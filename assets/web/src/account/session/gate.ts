import type { SessionState } from "../../api/client";

/** What the box last said to this browser: nothing about who it was. */
export const knownStages = ["unclaimed", "claimed", "signed-in"] as const;
export type KnownStage = (typeof knownStages)[number];

export const isKnownStage = (value: string | null): value is KnownStage => knownStages.some((stage) => stage === value);

/**
 * `wait`: the box is being asked; `app`: the pages; `log-in`: the log-in page in their place; `door`: one of the pages for
 * those who are not signed in; `second-factor`: the way to one in place of the pages, for whoever must have one.
 */
export type Gate = "wait" | "app" | "log-in" | "door" | "second-factor";

const DOORS = ["/login", "/setup", "/join", "/reset", "/trust"];

/** Whether a page is there for people who are not signed in. */
export const isDoor = (path: string) => DOORS.includes(path.replace(/(.)\/+$/, "$1"));

export function stageOf(session: SessionState): KnownStage {
  if (session.stage === "unclaimed") return "unclaimed";
  return session.account ? "signed-in" : "claimed";
}

interface Known {
  /** What the box says. */
  session: SessionState | undefined;
  /** Whether its first answer is still worth waiting for. */
  waiting: boolean;
  /** What it said the last time it was reached. */
  last: KnownStage;
  /** Whether a second factor is being added by somebody who had to: what comes of it is shown to the end. */
  adding: boolean;
  path: string;
}

/**
 * What a visitor gets. A box that does not answer keeps nobody from writing: this browser goes on as it last knew, so that
 * whoever was signed in still is, for all that works without the box.
 */
export function gateOf({ session, waiting, last, adding, path }: Known): Gate {
  if (!session && waiting) return "wait";
  if ((session ? stageOf(session) : last) === "claimed") return isDoor(path) ? "door" : "log-in";
  if (adding) return "second-factor";
  if (!session?.must_add_second_factor) return "app";
  return isDoor(path) ? "door" : "second-factor";
}
