import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Schemas, SessionState } from "../../api/client";
import { Button } from "../../ui/Button";
import { PasswordField } from "../../ui/PasswordField";
import { TextField } from "../../ui/TextField";
import { Form } from "../Form";
import { FormFailure } from "../FormFailure";
import type { Call } from "../call";
import { welcome } from "../session/person";

interface CredentialsFormProps {
  name: string;
  onName: (name: string) => void;
  password: string;
  onPassword: (password: string) => void;
  logIn: Call<Schemas["LoginRequest"], SessionState>;
}

/** Name and password. */
export function CredentialsForm({ name, onName, password, onPassword, logIn }: CredentialsFormProps) {
  const { t } = useTranslation();
  const { send, pending, failure } = logIn;
  const [lacking, setLacking] = useState(false);
  const submit = () => {
    setLacking(true);
    if (name.trim() && password) send({ name: name.trim(), password }, (session) => void welcome(session));
  };
  return (
    <Form onSubmit={submit}>
      <TextField
        label={t("account.form.name")}
        error={lacking && !name.trim() && t("account.form.required")}
        value={name}
        onText={onName}
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        required
      />
      <PasswordField
        label={t("account.form.password")}
        error={lacking && !password && t("account.form.required")}
        value={password}
        onText={onPassword}
        autoComplete="current-password"
        required
      />
      <FormFailure failure={failure} words={{ "/problems/wrong-credentials": t("account.logIn.wrong") }} />
      <p>
        <Button type="submit" kind="primary" aria-disabled={pending} className="w-full px-8 sm:w-auto">
          {pending ? t("account.logIn.working") : t("account.logIn.action")}
        </Button>
      </p>
    </Form>
  );
}
