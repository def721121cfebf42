import { useLogOut } from "../api";
import { findLeftovers } from "./leftovers";
import type { Leftovers } from "./leftovers";
import { farewell } from "./person";

/** Logging out. `ask` does it at once where nothing would be lost; else it says what would be, and `leave` does it. */
export function useLeave() {
  const { send, pending, failure } = useLogOut();
  const leave = () => send(undefined, () => void farewell());
  const ask = async (): Promise<Leftovers | null> => {
    const found = await findLeftovers();
    if (found.draft || found.recordings) return found;
    leave();
    return null;
  };
  return { ask, leave, pending, failure };
}
