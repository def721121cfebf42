import { useState, useSyncExternalStore } from "react";

import type { CareMessage } from "../api/client";
import { putAway } from "./putAway";

/**
 * Words of help stay when what brought them goes, until the person puts them away. About one dream they do not come back
 * then; without a dream, another answer brings them anew.
 */
export function useCareCard(
  brought: CareMessage | null,
  dream: string | null,
): { message: CareMessage | null; onDismiss: () => void } {
  const [last, setLast] = useState(brought);
  const [dismissed, setDismissed] = useState<CareMessage | null>(null);
  const away = useSyncExternalStore(putAway.listen, putAway.get);
  if (brought && brought !== last) setLast(brought);
  const message = brought ?? last;
  const key = dream && message && `${dream} ${message.title}`;
  const hidden = message === dismissed || (key !== null && away.has(key));
  const onDismiss = () => {
    setDismissed(message);
    if (key) putAway.add(key);
  };
  return { message: hidden ? null : message, onDismiss };
}
