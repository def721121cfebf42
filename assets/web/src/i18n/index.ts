import i18next from "i18next";
import { initReactI18next } from "react-i18next";

import { storage } from "../storage";
import { directionOf, preferredLocale } from "./locale";
import type { Locale } from "./locale";

type Catalogue = typeof import("../messages/en").default;

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "translation";
    resources: { translation: Catalogue };
  }
}

const loaders: Record<Locale, () => Promise<{ default: object }>> = {
  en: () => import("../messages/en"),
  ru: () => import("../messages/ru"),
  ar: () => import("../messages/ar"),
};

async function load(locale: Locale): Promise<void> {
  if (i18next.hasResourceBundle(locale, "translation")) return;
  i18next.addResourceBundle(locale, "translation", (await loaders[locale]()).default);
}

function tellThePage(locale: string): void {
  document.documentElement.lang = locale;
  document.documentElement.dir = directionOf(locale);
}

/** Begins in the reader's language. */
export async function startMessages(): Promise<void> {
  const locale = preferredLocale();
  i18next.on("languageChanged", tellThePage);
  await i18next.use(initReactI18next).init({
    resources: { [locale]: { translation: (await loaders[locale]()).default } },
    lng: locale,
    fallbackLng: false,
    // React escapes what it shows.
    interpolation: { escapeValue: false },
    returnNull: false,
  });
}

export async function setLocale(locale: Locale): Promise<void> {
  await load(locale);
  storage.set("locale", locale);
  await i18next.changeLanguage(locale);
}
