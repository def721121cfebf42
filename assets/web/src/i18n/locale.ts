import { storage } from "../storage";

export const locales = ["en", "ru", "ar"] as const;
export type Locale = (typeof locales)[number];

/** Each language's own name for itself. */
export const localeNames: Record<Locale, string> = { en: "English", ru: "Русский", ar: "العربية" };

export function isLocale(value: string | null | undefined): value is Locale {
  return locales.some((locale) => locale === value);
}

/** The first of the wanted languages that there is a catalogue for. */
export function pickLocale(stored: string | null, wanted: readonly string[]): Locale {
  if (isLocale(stored)) return stored;
  const primary = wanted.map((tag) => tag.toLowerCase().split("-")[0]);
  return primary.find(isLocale) ?? "en";
}

export const preferredLocale = (): Locale => pickLocale(storage.get("locale"), navigator.languages);

/** The reader's own region for numbers and dates, such as `en-GB`, where the browser tells one for this language. */
export function regionalLocale(locale: string, wanted: readonly string[] = navigator.languages): string {
  return wanted.find((tag) => tag.split("-")[0]?.toLowerCase() === locale) ?? locale;
}

const RIGHT_TO_LEFT = new Set(["ar", "arc", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"]);

export function directionOf(language: string): "ltr" | "rtl" {
  return RIGHT_TO_LEFT.has(language.toLowerCase().split("-")[0] ?? "") ? "rtl" : "ltr";
}
