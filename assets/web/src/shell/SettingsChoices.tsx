import { useTranslation } from "react-i18next";

import { setLocale } from "../i18n";
import { localeNames, locales } from "../i18n/locale";
import type { Locale } from "../i18n/locale";
import { setTheme, themes, useTheme } from "../theme/theme";
import { Choice } from "../ui/Choice";

/** How this browser shows the pages. */
export function SettingsChoices() {
  const { t, i18n } = useTranslation();
  return (
    <>
      <Choice
        name="locale"
        legend={t("shell.settings.language")}
        options={locales.map((locale) => ({ value: locale, label: localeNames[locale], lang: locale }))}
        value={i18n.language as Locale}
        onChange={(locale) => void setLocale(locale)}
      />
      <Choice
        name="theme"
        legend={t("shell.settings.theme")}
        options={themes.map((theme) => ({ value: theme, label: t(`shell.theme.${theme}`) }))}
        value={useTheme()}
        onChange={setTheme}
      />
    </>
  );
}
