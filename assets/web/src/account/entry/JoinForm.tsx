import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { RegistrationRequest, SessionState } from "../../api/client";
import { Button } from "../../ui/Button";
import { TextField } from "../../ui/TextField";
import { Form } from "../Form";
import { FormFailure } from "../FormFailure";
import { NameField, NewPasswordField, isLongEnough } from "../NewCredentials";
import type { Call } from "../call";
import { refusedFields, takenField } from "../refusedFields";

interface JoinFormProps {
  invitation: string | null;
  register: Call<RegistrationRequest, SessionState>;
  onDone: (state: SessionState) => void;
}

export function JoinForm({ invitation, register, onDone }: JoinFormProps) {
  const { t } = useTranslation();
  const { send, pending, failure } = register;
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [email, setEmail] = useState("");
  const [tried, setTried] = useState(false);
  const refused = refusedFields(failure);
  const taken = takenField(failure);
  const submit = () => {
    setTried(true);
    if (!name.trim() || !isLongEnough(password)) return;
    const optional = { ...(email.trim() ? { email: email.trim() } : {}), ...(invitation ? { invitation } : {}) };
    send({ name: name.trim(), password, ...optional }, onDone);
  };
  return (
    <Form onSubmit={submit}>
      <NameField value={name} onText={setName} refused={refused.get("name")} lacking={tried && !name.trim()} />
      <NewPasswordField value={password} onText={setPassword} refused={refused.get("password")} short={tried} />
      <TextField
        label={t("account.form.email")}
        hint={t("account.form.emailHint")}
        error={refused.has("email") && t("account.form.emailRefused")}
        value={email}
        onText={setEmail}
        type="email"
        dir="ltr"
        autoComplete="email"
        className="text-start"
      />
      <FormFailure
        failure={failure}
        words={{
          "/problems/registration-closed": t("account.join.closedText"),
          "/problems/wrong-code": t("account.join.wrongCode"),
          ...(taken === "name" ? { 409: t("account.form.nameTaken") } : {}),
          ...(taken === "email" ? { 409: t("account.form.emailTaken") } : {}),
        }}
        fields={["name", "password", "email"]}
      />
      <p>
        <Button type="submit" kind="primary" aria-disabled={pending} className="w-full px-8 sm:w-auto">
          {pending ? t("account.join.working") : t("account.join.action")}
        </Button>
      </p>
    </Form>
  );
}
