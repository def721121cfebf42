import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { SessionState, SetupRequest } from "../../api/client";
import { Button } from "../../ui/Button";
import { TextField } from "../../ui/TextField";
import { Form } from "../Form";
import { FormFailure } from "../FormFailure";
import { MarkedText } from "../MarkedText";
import { NameField, NewPasswordField, isLongEnough } from "../NewCredentials";
import { PageLanguageField } from "../PageLanguageField";
import type { Call } from "../call";
import { refusedFields } from "../refusedFields";
import { useCode } from "../useCode";

interface SetUpFormProps {
  setUp: Call<SetupRequest, SessionState>;
  onDone: (state: SessionState) => void;
}

export function SetUpForm({ setUp, onDone }: SetUpFormProps) {
  const { t, i18n } = useTranslation();
  const { send, pending, failure } = setUp;
  const code = useCode();
  const [token, setToken] = useState(code ?? "");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [language, setLanguage] = useState(i18n.language);
  const [host, setHost] = useState("");
  const [tried, setTried] = useState(false);
  const refused = refusedFields(failure);
  const submit = () => {
    setTried(true);
    if (!token.trim() || !name.trim() || !isLongEnough(password)) return;
    const chosen = { ...(language ? { language } : {}), ...(host.trim() ? { host_name: host.trim() } : {}) };
    send({ token: token.trim(), name: name.trim(), password, ...chosen }, onDone);
  };
  return (
    <Form onSubmit={submit}>
      <TextField
        label={t("account.setUp.token")}
        hint={<MarkedText of="account.setUp.tokenHint" />}
        error={tried && !token.trim() && t("account.form.required")}
        value={token}
        onText={setToken}
        dir="ltr"
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        required
        className="text-start"
      />
      <NameField value={name} onText={setName} refused={refused.get("name")} lacking={tried && !name.trim()} />
      <NewPasswordField value={password} onText={setPassword} refused={refused.get("password")} short={tried} />
      <PageLanguageField value={language} onChange={setLanguage} />
      <TextField
        label={t("account.setUp.host")}
        hint={<MarkedText of="account.setUp.hostHint" />}
        error={refused.has("host_name") && t("account.form.hostRefused")}
        value={host}
        onText={setHost}
        dir="ltr"
        autoComplete="off"
        autoCapitalize="none"
        inputMode="url"
        spellCheck={false}
        className="text-start"
      />
      <FormFailure
        failure={failure}
        words={{ "/problems/wrong-token": t("account.setUp.wrongToken"), 409: t("account.setUp.doneText") }}
        fields={["name", "password", "host_name"]}
      />
      <p>
        <Button type="submit" kind="primary" aria-disabled={pending} className="w-full px-8 sm:w-auto">
          {pending ? t("account.setUp.working") : t("account.setUp.action")}
        </Button>
      </p>
    </Form>
  );
}
