import { useEffect, useState } from "react";

import { codeIn } from "./code";

/** The code in the page's address, read once; then it goes from there, so that it stays in no history and no picture. */
export function useCode(): string | null {
  const [code, setCode] = useState(() => codeIn(location.hash));
  useEffect(() => {
    const clean = () => {
      if (location.hash) history.replaceState(history.state, "", location.pathname + location.search);
    };
    // An address that differs by its code alone loads no new page.
    const renew = () => {
      const next = codeIn(location.hash);
      if (next) setCode(next);
      clean();
    };
    clean();
    addEventListener("hashchange", renew);
    return () => removeEventListener("hashchange", renew);
  }, []);
  return code;
}
