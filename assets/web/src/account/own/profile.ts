import type { Account, ProfileChange } from "../../api/client";

/** The profile as it stands in the form. */
export type ProfileTexts = Record<"email" | "language" | "time_zone" | "place", string>;

/** What of the form differs from the account; an emptied field is cleared. */
export function profileChange(account: Account, texts: ProfileTexts): ProfileChange {
  const fields = ["email", "language", "time_zone", "place"] as const;
  const told = fields.map((field) => [field, texts[field].trim() || null] as const);
  return Object.fromEntries(told.filter(([field, text]) => text !== (account[field] ?? null)));
}
