import type { CareResource } from "../api/client";

/** Whom to turn to in one place. */
export interface CareGroup {
  /** ISO 3166; empty: everywhere. */
  country: string;
  resources: CareResource[];
}

const EVERYWHERE = "";

/** The person's own country first, then what helps everywhere, then other countries in the order in which they come. */
export function groupByCountry(resources: readonly CareResource[], own: string | null): CareGroup[] {
  const groups = new Map<string, CareResource[]>();
  for (const resource of resources) groups.set(resource.country, [...(groups.get(resource.country) ?? []), resource]);
  const rank = (country: string) => (country === own ? 0 : country === EVERYWHERE ? 1 : 2);
  const grouped = Array.from(groups, ([country, listed]) => ({ country, resources: listed }));
  return grouped.sort((one, other) => rank(one.country) - rank(other.country));
}

/** What a phone dials: digits and what stands for them. A number that is told in words is none. */
export function dialled(phone: string): string | null {
  const number = phone.replace(/[^\d+*#]/g, "");
  return /\d/.test(number) ? `tel:${number.replaceAll("#", "%23")}` : null;
}

/** A web page's address as people say it; `null` for what is none. */
export function spokenAddress(url: string): string | null {
  if (!URL.canParse(url)) return null;
  const { protocol, host, pathname } = new URL(url);
  if (protocol !== "https:" && protocol !== "http:") return null;
  return `${host.replace(/^www\./, "")}${pathname.replace(/\/$/, "")}`;
}
