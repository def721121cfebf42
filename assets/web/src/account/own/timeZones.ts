/** The time zones this browser knows, by the names that boxes and browsers share. */
export const timeZones = (): string[] => ["UTC", ...Intl.supportedValuesOf("timeZone").filter((zone) => zone !== "UTC")];

/** Whether this browser can reckon in a time zone; more names are understood than are offered. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    // Bare differences such as `+03:00` are understood too, but are no place's time.
    return /^[A-Za-z]/.test(name);
  } catch {
    return false;
  }
}
