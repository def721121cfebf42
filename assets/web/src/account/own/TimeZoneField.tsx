import { useId, useMemo } from "react";
import { Trans, useTranslation } from "react-i18next";

import { TextField } from "../../ui/TextField";
import { timeZones } from "./timeZones";

interface TimeZoneFieldProps {
  value: string;
  onText: (text: string) => void;
  wrong: boolean;
}

/** A time zone, found by typing a part of its name. Nothing is filled in; what this browser's clock says is only told. */
export function TimeZoneField({ value, onText, wrong }: TimeZoneFieldProps) {
  const { t } = useTranslation();
  const list = useId();
  const zones = useMemo(() => timeZones(), []);
  const hint = (
    <Trans
      i18nKey="account.profile.timeZoneHint"
      values={{ zone: Intl.DateTimeFormat().resolvedOptions().timeZone }}
      components={{ name: <bdi dir="ltr" translate="no" /> }}
    />
  );
  return (
    <>
      <TextField
        label={t("account.profile.timeZone")}
        hint={hint}
        error={wrong && t("account.profile.timeZoneWrong")}
        value={value}
        onText={onText}
        list={list}
        dir="ltr"
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        className="text-start"
      />
      <datalist id={list}>
        {zones.map((zone) => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
    </>
  );
}
