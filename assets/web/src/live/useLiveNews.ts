import { useEffect } from "react";

import type { SessionState } from "../api/client";
import { queryClient } from "../api/queries";
import { useOnline } from "../shell/useOnline";
import { follow } from "./follow";
import { lookAgain } from "./lookAgain";

/** Keeps the pages true without being asked, for whoever may read dreams here. */
export function useLiveNews(session: SessionState | undefined): void {
  const online = useOnline();
  const may = session?.scopes.includes("dreams:read") ?? false;
  const person = session?.account?.id;
  useEffect(() => {
    if (online && may) return follow((news) => void lookAgain(news, queryClient));
    // Another person is another stream.
  }, [online, may, person]);
}
