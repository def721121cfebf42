import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Role, Settings } from "../../api/client";
import { Checkbox } from "../../ui/Checkbox";
import { TextField } from "../../ui/TextField";
import { Form } from "../Form";
import { FormFailure } from "../FormFailure";
import { MarkedText } from "../MarkedText";
import { SaveLine } from "../SaveLine";
import { useChangeSettings } from "../api";
import { refusedFields } from "../refusedFields";
import { RequiredRoles } from "./RequiredRoles";
import { readLimit } from "./limit";

/** The terms of this box. */
export function SettingsForm({ settings }: { settings: Settings }) {
  const { t } = useTranslation();
  const { send, pending, done, failure, reset } = useChangeSettings();
  const [open, setOpen] = useState(settings.registration === "open");
  const [host, setHost] = useState(settings.host_name ?? "");
  const [readings, setReadings] = useState(settings.daily_readings?.toString() ?? "");
  const [required, setRequired] = useState<readonly Role[]>(settings.second_factor_roles);
  const [tried, setTried] = useState(false);
  const refused = refusedFields(failure);
  const limit = readLimit(readings);
  const changing = <Value,>(set: (value: Value) => void) => {
    return (value: Value) => {
      set(value);
      reset();
    };
  };
  const submit = () => {
    setTried(true);
    if (limit === undefined) return;
    send({
      registration: open ? "open" : "closed",
      host_name: host.trim() || null,
      daily_readings: limit,
      second_factor_roles: [...required],
    });
  };
  return (
    <Form onSubmit={submit}>
      <Checkbox
        label={t("people.settings.registration")}
        hint={t("people.settings.registrationHint")}
        checked={open}
        onSwitch={changing(setOpen)}
      />
      <TextField
        label={t("people.settings.host")}
        hint={<MarkedText of="account.setUp.hostHint" />}
        error={refused.has("host_name") && t("account.form.hostRefused")}
        value={host}
        onText={changing(setHost)}
        dir="ltr"
        autoComplete="off"
        autoCapitalize="none"
        inputMode="url"
        spellCheck={false}
        className="text-start"
      />
      <TextField
        label={t("people.settings.readings")}
        hint={t("people.settings.readingsHint")}
        error={((tried && limit === undefined) || refused.has("daily_readings")) && t("people.settings.readingsWrong")}
        value={readings}
        onText={changing(setReadings)}
        inputMode="numeric"
        autoComplete="off"
      />
      <RequiredRoles chosen={required} onChange={changing(setRequired)} />
      <FormFailure failure={failure} fields={["host_name", "daily_readings"]} />
      <SaveLine pending={pending} said={done ? t("account.form.saved") : ""} />
    </Form>
  );
}
