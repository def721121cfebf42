import { useState } from "react";

import type { CareMessage } from "../api/client";

/** Words of help stay when what brought them goes, until the person puts them away. */
export function useCareCard(brought: CareMessage | null): { message: CareMessage | null; onDismiss: () => void } {
  const [last, setLast] = useState(brought);
  const [dismissed, setDismissed] = useState<CareMessage | null>(null);
  if (brought && brought !== last) setLast(brought);
  const message = brought ?? last;
  return { message: message === dismissed ? null : message, onDismiss: () => setDismissed(message) };
}
