import { useCallback, useEffect, useState } from "react";

import { keptRecordings, removeRecording } from "./store";
import type { KeptRecording } from "./store";

/** The recordings that wait in this browser. */
export function useKeptRecordings() {
  const [kept, setKept] = useState<KeptRecording[]>([]);
  const reload = useCallback(() => {
    // A browser that bars its storage has none.
    keptRecordings().then(setKept, () => setKept([]));
  }, []);
  useEffect(reload, [reload]);
  const remove = useCallback(
    (id: string) => {
      removeRecording(id).then(reload, reload);
    },
    [reload],
  );
  return { kept, reload, remove };
}
