import { useState } from "react";
import { useTranslation } from "react-i18next";

import { Button } from "../../ui/Button";
import { PasswordField } from "../../ui/PasswordField";
import { Form } from "../Form";
import { FormFailure } from "../FormFailure";
import { useErase } from "../api";
import { farewell } from "../session/person";

export function EraseForm({ onCancel }: { onCancel: () => void }) {
  const { t } = useTranslation();
  const { send, pending, failure } = useErase();
  const [password, setPassword] = useState("");
  const [tried, setTried] = useState(false);
  const submit = () => {
    setTried(true);
    if (password) send({ password }, () => void farewell());
  };
  return (
    <Form onSubmit={submit}>
      <PasswordField
        label={t("account.form.currentPassword")}
        error={tried && !password && t("account.form.required")}
        value={password}
        onText={setPassword}
        autoComplete="current-password"
        required
      />
      <FormFailure
        failure={failure}
        words={{ "/problems/wrong-password": t("account.form.passwordWrong"), 409: t("account.data.lastAdmin") }}
      />
      <div className="flex flex-wrap justify-end gap-3">
        <Button onClick={onCancel}>{t("account.data.keep")}</Button>
        <Button type="submit" kind="danger" aria-disabled={pending}>
          {pending ? t("account.data.erasing") : t("account.data.eraseConfirm")}
        </Button>
      </div>
    </Form>
  );
}
