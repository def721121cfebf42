import type { Scope } from "../api/client";

/** What a key may be allowed, with the name of its words in the catalogues. A key never manages the account it belongs to. */
export const keyScopes = [
  ["dreams:read", "dreamsRead"],
  ["dreams:write", "dreamsWrite"],
  ["inference", "inference"],
  ["models", "models"],
  ["admin", "admin"],
] as const satisfies readonly (readonly [Scope, string])[];

export type KeyScope = (typeof keyScopes)[number][0];

/** Those a person may give to a key: what the person may not do, no key of theirs may. */
export const scopesFor = (own: readonly Scope[]) => keyScopes.filter(([scope]) => own.includes(scope));

/** The name of a scope's words; of one that this page is too old to know, none. */
export const scopeWords = (scope: Scope) => keyScopes.find(([known]) => known === scope)?.[1];
