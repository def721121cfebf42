import { createContext, useContext } from "react";

import type { ReadingRun } from "../reading/useReadingRun";

/** The reading that the first page has begun; it goes on while other pages are looked at. */
export const WriteSession = createContext<ReadingRun | null>(null);

export function useWriteSession(): ReadingRun {
  const session = useContext(WriteSession);
  if (!session) throw new Error("useWriteSession is used outside the layout");
  return session;
}
