import { Link } from "@tanstack/react-router";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { SESSION } from "../../api/queries";
import { Button, buttonClass } from "../../ui/Button";
import { Page } from "../../ui/Page";
import { Form } from "../Form";
import { FormFailure } from "../FormFailure";
import { NewPasswordField, isLongEnough } from "../NewCredentials";
import { useResetPassword } from "../api";
import { refusedFields } from "../refusedFields";
import { useCode } from "../useCode";

/** A new password by the code that an admin has handed out. */
export function ResetPage() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const code = useCode();
  const { send, pending, done, failure } = useResetPassword();
  const [password, setPassword] = useState("");
  const [tried, setTried] = useState(false);
  if (!code) return <Page title={t("account.reset.title")} lead={t("account.reset.noCode")} />;
  if (done) {
    return (
      <Page key="done" title={t("account.reset.doneTitle")} lead={t("account.reset.doneText")}>
        <p>
          <Link to="/login" className={buttonClass("primary")}>
            {t("account.logIn.action")}
          </Link>
        </p>
      </Page>
    );
  }
  const submit = () => {
    setTried(true);
    // Sessions that the old password began have ended, this browser's too if it had one.
    if (isLongEnough(password)) send({ code, password }, () => void queries.invalidateQueries({ queryKey: SESSION }));
  };
  return (
    <Page title={t("account.reset.title")} lead={t("account.reset.lead")}>
      <Form onSubmit={submit}>
        <NewPasswordField
          label={t("account.form.newPassword")}
          value={password}
          onText={setPassword}
          refused={refusedFields(failure).get("password")}
          short={tried}
        />
        <FormFailure failure={failure} words={{ "/problems/wrong-code": t("account.reset.wrongCode") }} fields={["password"]} />
        <p>
          <Button type="submit" kind="primary" aria-disabled={pending} className="w-full px-8 sm:w-auto">
            {pending ? t("account.form.saving") : t("account.reset.action")}
          </Button>
        </p>
      </Form>
    </Page>
  );
}
