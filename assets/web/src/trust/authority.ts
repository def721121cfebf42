import { useQuery } from "@tanstack/react-query";

import { fingerprint } from "./fingerprint";

/** The certificate by which the box vouches for itself: a file of the box, outside its API. */
export const AUTHORITY = "/authority.pem";

export interface Authority {
  fingerprint: string | null;
}

async function askAuthority(): Promise<Authority | null> {
  const response = await fetch(AUTHORITY);
  const text = await response.text();
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`${AUTHORITY}: ${String(response.status)}`);
  return { fingerprint: await fingerprint(text) };
}

/** Null: the box does not vouch for itself. */
export const useAuthority = () => useQuery({ queryKey: ["authority"], queryFn: askAuthority });
