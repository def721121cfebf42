import type { SessionState } from "../../api/client";
import { storage } from "../../storage";
import { isKnownStage, stageOf } from "./gate";
import type { KnownStage } from "./gate";

/** How the box last was, for when it cannot be asked. Without word of it, it is taken for one without accounts. */
export function lastStage(): KnownStage {
  const stored = storage.get("stage");
  return isKnownStage(stored) ? stored : "unclaimed";
}

/** The account, a bare number, that what is kept in this browser belongs to. Outlives a session that ran out. */
export const lastPerson = (): string | null => storage.get("person");

export function remember(session: SessionState): void {
  storage.set("stage", stageOf(session));
  if (session.account) storage.set("person", session.account.id);
}

export const forgetPerson = (): void => storage.remove("person");
