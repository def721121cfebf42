import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Account } from "../../api/client";
import { setLocale } from "../../i18n";
import { isLocale } from "../../i18n/locale";
import { TextField } from "../../ui/TextField";
import { Form } from "../Form";
import { FormFailure } from "../FormFailure";
import { PageLanguageField } from "../PageLanguageField";
import { SaveLine } from "../SaveLine";
import { useChangeProfile } from "../api";
import { refusedFields, takenField } from "../refusedFields";
import { TimeZoneField } from "./TimeZoneField";
import { profileChange } from "./profile";
import type { ProfileTexts } from "./profile";
import { isTimeZone } from "./timeZones";

/** What a person may tell about themselves; empty fields stay untold. */
export function ProfileForm({ account }: { account: Account }) {
  const { t } = useTranslation();
  const { send, pending, done, failure, reset } = useChangeProfile();
  const [texts, setTexts] = useState<ProfileTexts>({
    email: account.email ?? "",
    language: account.language ?? "",
    time_zone: account.time_zone ?? "",
    place: account.place ?? "",
  });
  const [tried, setTried] = useState(false);
  const refused = refusedFields(failure);
  const wrongZone = texts.time_zone.trim() !== "" && !isTimeZone(texts.time_zone.trim());
  const change = (field: keyof ProfileTexts) => (text: string) => {
    setTexts({ ...texts, [field]: text });
    reset();
  };
  const submit = () => {
    setTried(true);
    if (wrongZone) return;
    send(profileChange(account, texts), ({ language }) => {
      if (isLocale(language)) void setLocale(language);
    });
  };
  return (
    <Form onSubmit={submit}>
      <TextField
        label={t("account.form.email")}
        hint={t("account.form.emailHint")}
        error={refused.has("email") && t("account.form.emailRefused")}
        value={texts.email}
        onText={change("email")}
        type="email"
        dir="ltr"
        autoComplete="email"
        className="text-start"
      />
      <PageLanguageField value={texts.language} onChange={change("language")} />
      <TimeZoneField
        value={texts.time_zone}
        onText={change("time_zone")}
        wrong={(tried && wrongZone) || refused.has("time_zone")}
      />
      <TextField
        label={t("account.profile.place")}
        hint={t("account.profile.placeHint")}
        error={refused.has("place") && t("account.profile.placeRefused")}
        value={texts.place}
        onText={change("place")}
        autoComplete="off"
      />
      <FormFailure
        failure={failure}
        words={takenField(failure) === "email" ? { 409: t("account.form.emailTaken") } : {}}
        fields={["email", "time_zone", "place"]}
      />
      <SaveLine pending={pending} said={done ? t("account.form.saved") : ""} />
    </Form>
  );
}
