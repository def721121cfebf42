import { useState } from "react";
import { useTranslation } from "react-i18next";

import { PasswordField } from "../../ui/PasswordField";
import { Section } from "../../ui/Section";
import { Form } from "../Form";
import { FormFailure } from "../FormFailure";
import { NewPasswordField, isLongEnough } from "../NewCredentials";
import { SaveLine } from "../SaveLine";
import { useChangePassword, useSession } from "../api";
import { refusedFields } from "../refusedFields";
import { useProviderName } from "../useProviderName";

/** The password, of whoever has one. */
export function SecuritySection() {
  const { t } = useTranslation();
  const account = useSession().data?.account;
  const provider = useProviderName();
  const none = account?.has_password === false;
  return (
    <Section
      title={t("account.security.title")}
      intro={none ? t("account.security.none", { provider }) : t("account.security.intro")}
    >
      {!none && <PasswordForm name={account?.name ?? ""} />}
    </Section>
  );
}

/** A new password for the old one. */
function PasswordForm({ name }: { name: string }) {
  const { t } = useTranslation();
  const { send, pending, done, failure, reset } = useChangePassword();
  const [current, setCurrent] = useState("");
  const [fresh, setFresh] = useState("");
  const [tried, setTried] = useState(false);
  const submit = () => {
    setTried(true);
    if (!current || !isLongEnough(fresh)) return;
    send({ current, new: fresh }, () => {
      setCurrent("");
      setFresh("");
      setTried(false);
    });
  };
  const begin = (set: (text: string) => void) => (text: string) => {
    set(text);
    if (done) reset();
  };
  return (
    <Form onSubmit={submit}>
      {/* For password managers, which keep one for each name. */}
      <input type="text" name="username" autoComplete="username" value={name} readOnly hidden />
      <PasswordField
        label={t("account.form.currentPassword")}
        error={tried && !current && t("account.form.required")}
        value={current}
        onText={begin(setCurrent)}
        autoComplete="current-password"
        required
      />
      <NewPasswordField
        label={t("account.form.newPassword")}
        value={fresh}
        onText={begin(setFresh)}
        refused={refusedFields(failure).get("new")}
        short={tried}
      />
      <FormFailure failure={failure} words={{ "/problems/wrong-password": t("account.form.passwordWrong") }} fields={["new"]} />
      <SaveLine label={t("account.security.action")} pending={pending} said={done ? t("account.security.done") : ""} />
    </Form>
  );
}
