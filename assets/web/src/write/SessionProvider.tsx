import { useEffect } from "react";
import type { ReactNode } from "react";

import { useReadingRun } from "../reading/useReadingRun";
import { storage } from "../storage";
import { WriteSession } from "./session";

/**
 * Holds the first page's reading above the routes, and lets go of the draft as soon as the box has the dream. What was
 * added to the draft after it was sent, a recording that has become text meanwhile, begins the next one.
 */
export function SessionProvider({ children }: { children: ReactNode }) {
  const session = useReadingRun();
  const { dream, sent } = session.progress;
  const kept = dream?.id;
  useEffect(() => {
    if (!kept || sent === null) return;
    const draft = (storage.get("draft") ?? "").trimStart();
    const added = draft.startsWith(sent) ? draft.slice(sent.length).trim() : "";
    if (added) storage.set("draft", added);
    else storage.remove("draft");
  }, [kept, sent]);
  return <WriteSession value={session}>{children}</WriteSession>;
}
