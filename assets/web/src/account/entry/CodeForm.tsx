import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { Button } from "../../ui/Button";
import { Form } from "../Form";
import { FormFailure } from "../FormFailure";
import { useLogIn } from "../api";
import { CodeField } from "../factors/CodeField";
import { welcome } from "../session/person";

interface CodeFormProps {
  /** Held in the page's memory alone, and sent again with the code. */
  name: string;
  password: string;
  onAgain: () => void;
}

/** The second factor, after name and password: what the app shows, or one of the codes for bad days. */
export function CodeForm({ name, password, onAgain }: CodeFormProps) {
  const { t } = useTranslation();
  const { send, pending, failure, reset } = useLogIn();
  const [code, setCode] = useState("");
  const [recovering, setRecovering] = useState(false);
  const [lacking, setLacking] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  // It is what the person has to do next, whichever of the two it is.
  useEffect(() => field.current?.focus(), [recovering]);
  const submit = () => {
    setLacking(true);
    if (code.trim()) send({ name, password, code: code.trim() }, (session) => void welcome(session));
  };
  const change = () => {
    setRecovering(!recovering);
    setCode("");
    setLacking(false);
    reset();
  };
  return (
    <Form onSubmit={submit}>
      <CodeField
        ref={field}
        label={recovering ? t("account.logIn.recovery") : t("account.logIn.code")}
        hint={recovering ? t("account.logIn.recoveryHint") : t("account.logIn.codeHint")}
        {...(recovering ? ({ inputMode: "text", autoComplete: "off" } as const) : {})}
        lacking={lacking && !code.trim()}
        value={code}
        onText={setCode}
      />
      <FormFailure
        failure={failure}
        words={{
          "/problems/wrong-second-factor": recovering ? t("account.logIn.wrongRecovery") : t("account.logIn.wrongCode"),
          "/problems/wrong-credentials": t("account.logIn.wrong"),
        }}
      />
      <p>
        <Button type="submit" kind="primary" aria-disabled={pending} className="w-full px-8 sm:w-auto">
          {pending ? t("account.logIn.working") : t("account.logIn.action")}
        </Button>
      </p>
      <div className="-ms-5 flex flex-wrap">
        <Button kind="plain" onClick={change}>
          {recovering ? t("account.logIn.useApp") : t("account.logIn.useRecovery")}
        </Button>
        <Button kind="plain" onClick={onAgain}>
          {t("account.logIn.again")}
        </Button>
      </div>
      <p className="text-muted">{t("account.logIn.lost")}</p>
    </Form>
  );
}
