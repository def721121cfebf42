import type { Scope } from "../../api/client";
import { useSession } from "../api";

/** Whether the visitor may do something. A box that has not said so yet is asked; it refuses what it does not allow. */
export function useMay(scope: Scope): boolean {
  const { data } = useSession();
  return !data || data.scopes.includes(scope);
}
