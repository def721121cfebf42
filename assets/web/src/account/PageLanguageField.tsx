import { useTranslation } from "react-i18next";

import { localeNames, locales } from "../i18n/locale";
import { Field } from "../ui/Field";
import { Select } from "../ui/Select";

/** The language in which the box speaks to a person; empty: not chosen. */
export function PageLanguageField({ value, onChange }: { value: string; onChange: (locale: string) => void }) {
  const { t } = useTranslation();
  return (
    <Field label={t("account.form.language")}>
      {(control) => (
        <Select {...control} value={value} onChange={(event) => onChange(event.target.value)}>
          <option value="">{t("account.form.notChosen")}</option>
          {locales.map((locale) => (
            <option key={locale} value={locale} lang={locale}>
              {localeNames[locale]}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}
