import { useMemo } from "react";
import { useTranslation } from "react-i18next";

import { useFormats } from "../i18n/format";
import { Field } from "../ui/Field";
import { Select } from "../ui/Select";
import { dreamLanguages } from "./languages";

/** The language of the dream, written or spoken. */
export function LanguageField({ value, onChange }: { value: string; onChange: (code: string) => void }) {
  const { t, i18n } = useTranslation();
  const { languageName } = useFormats();
  const options = useMemo(() => {
    const named = dreamLanguages.map((code) => ({ code, name: languageName(code) }));
    return named.sort((a, b) => a.name.localeCompare(b.name, i18n.language));
  }, [languageName, i18n.language]);
  return (
    <Field label={t("dream.write.language")}>
      {(control) => (
        <Select {...control} value={value} onChange={(event) => onChange(event.target.value)}>
          <option value="">{t("dream.write.detect")}</option>
          {options.map(({ code, name }) => (
            <option key={code} value={code}>
              {name}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}
