import { useEffect, useState } from "react";

import { answerIn } from "./providerAnswer";

/** With what the provider of identities sent the browser back; read once, then it goes from the address. */
export function useProviderAnswer<Answer extends string>(known: readonly Answer[]): Answer | null {
  const [answer] = useState(() => answerIn(location.search, known));
  useEffect(() => {
    const address = new URL(location.href);
    if (!address.searchParams.has("provider")) return;
    address.searchParams.delete("provider");
    history.replaceState(history.state, "", address);
  }, []);
  return answer;
}
