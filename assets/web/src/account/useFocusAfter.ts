import { useEffect, useState } from "react";

import { focusOn } from "./focusOn";

/**
 * Moves the keyboard to a heading once a dialog has closed: until then that keeps the focus in, and then gives it back to
 * a button that goes.
 */
export function useFocusAfter(id: string): () => void {
  const [times, setTimes] = useState(0);
  useEffect(() => {
    if (times > 0) focusOn(id);
  }, [times, id]);
  return () => setTimes((count) => count + 1);
}
