import { useState } from "react";
import { useTranslation } from "react-i18next";

import { QueryState } from "../account/QueryState";
import { useFormats } from "../i18n/format";
import { Field } from "../ui/Field";
import { Page } from "../ui/Page";
import { Select } from "../ui/Select";
import { CareWords } from "./CareWords";
import { useCare } from "./api";

/** Whom to turn to, for whoever looks for it. Which country was looked at is kept nowhere. */
export function HelpPage() {
  const { t, i18n } = useTranslation();
  const { countryName } = useFormats();
  const [country, setCountry] = useState("");
  const query = useCare(i18n.language, country);
  const { data } = query;
  const countries = (data?.countries ?? []).map((code) => ({ code, name: countryName(code) }));
  countries.sort((one, other) => one.name.localeCompare(other.name, i18n.language));
  return (
    <Page title={t("care.title")} lead={t("care.lead")}>
      <QueryState query={query} />
      {countries.length > 0 && (
        <Field label={t("care.country")}>
          {(control) => (
            <Select {...control} value={country} onChange={(event) => setCountry(event.target.value)}>
              <option value="">{t("care.anyCountry")}</option>
              {countries.map(({ code, name }) => (
                <option key={code} value={code}>
                  {name}
                </option>
              ))}
            </Select>
          )}
        </Field>
      )}
      {data && <CareWords message={data.message} level={2} />}
      <p className="text-sm text-muted">{t("care.nothingAsked")}</p>
    </Page>
  );
}
