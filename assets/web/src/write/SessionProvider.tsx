import { useEffect } from "react";
import type { ReactNode } from "react";

import { useReadingRun } from "../reading/useReadingRun";
import { storage } from "../storage";
import { WriteSession } from "./session";

/** Holds the first page's reading above the routes, and lets go of the draft as soon as the box has the dream. */
export function SessionProvider({ children }: { children: ReactNode }) {
  const session = useReadingRun();
  const kept = session.progress.dream?.id;
  useEffect(() => {
    if (kept) storage.remove("draft");
  }, [kept]);
  return <WriteSession value={session}>{children}</WriteSession>;
}
