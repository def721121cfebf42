import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { TrustLink } from "../../trust/TrustLink";
import { Button } from "../../ui/Button";
import { Page } from "../../ui/Page";
import { PasswordField } from "../../ui/PasswordField";
import { TextField } from "../../ui/TextField";
import { Form } from "../Form";
import { FormFailure } from "../FormFailure";
import { useLogIn, useSession } from "../api";
import { welcome } from "../session/person";
import { LeftoversNotice } from "./LeftoversNotice";

/** Name and password. Stands in place of the page that was asked for, which is there again afterwards. */
export function LogInPage() {
  const { t } = useTranslation();
  const open = useSession().data?.registration === "open";
  const { send, pending, failure } = useLogIn();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [lacking, setLacking] = useState(false);
  const submit = () => {
    setLacking(true);
    if (name.trim() && password) send({ name: name.trim(), password }, (session) => void welcome(session));
  };
  return (
    <Page title={t("account.logIn.title")} lead={t("account.logIn.lead")}>
      <LeftoversNotice />
      <Form onSubmit={submit}>
        <TextField
          label={t("account.form.name")}
          error={lacking && !name.trim() && t("account.form.required")}
          value={name}
          onText={setName}
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
        />
        <PasswordField
          label={t("account.form.password")}
          error={lacking && !password && t("account.form.required")}
          value={password}
          onText={setPassword}
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
      <div className="flex flex-col gap-1 border-t border-line pt-6 text-muted">
        <p>{t("account.logIn.forgotten")}</p>
        {open && (
          <p>
            <Link to="/join" className="inline-flex min-h-11 items-center text-accent underline underline-offset-4">
              {t("account.logIn.register")}
            </Link>
          </p>
        )}
        <p>
          <TrustLink />
        </p>
      </div>
    </Page>
  );
}
