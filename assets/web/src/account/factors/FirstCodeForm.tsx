import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import type { NewAuthenticator } from "../../api/client";
import { Button } from "../../ui/Button";
import { Form } from "../Form";
import { FormFailure } from "../FormFailure";
import { CodeField } from "./CodeField";
import { QrCode } from "./QrCode";
import { useConfirmAuthenticator } from "./api";
import { inFours } from "./inFours";

interface FirstCodeFormProps {
  made: NewAuthenticator;
  onCodes: (codes: readonly string[]) => void;
}

/** The secret in every form in which an app may take it, and the code that shows that it has. */
export function FirstCodeForm({ made, onCodes }: FirstCodeFormProps) {
  const { t } = useTranslation();
  const { send, pending, failure } = useConfirmAuthenticator();
  const [code, setCode] = useState("");
  const [tried, setTried] = useState(false);
  const begin = useRef<HTMLParagraphElement>(null);
  // The button that led here is gone.
  useEffect(() => begin.current?.focus(), []);
  const submit = () => {
    setTried(true);
    if (code.trim()) send({ code: code.trim() }, ({ codes }) => onCodes(codes));
  };
  return (
    <Form onSubmit={submit}>
      <p ref={begin} tabIndex={-1}>
        {t("factors.authenticator.scan")}
      </p>
      <QrCode text={made.address} label={t("factors.authenticator.qr")} />
      <div className="flex flex-col gap-1">
        <p>{t("factors.authenticator.secret")}</p>
        <code dir="ltr" translate="no" className="rounded-xl bg-sunken px-4 py-2 text-start font-mono text-sm select-all">
          {inFours(made.secret)}
        </code>
        <p>
          <a href={made.address}>{t("factors.authenticator.open")}</a>
        </p>
      </div>
      <CodeField
        label={t("factors.authenticator.code")}
        hint={t("factors.authenticator.codeHint")}
        lacking={tried && !code.trim()}
        value={code}
        onText={setCode}
      />
      <FormFailure failure={failure} words={{ 422: t("factors.authenticator.wrong") }} />
      <p className="flex justify-end">
        <Button type="submit" kind="primary" aria-disabled={pending}>
          {pending ? t("account.form.saving") : t("factors.authenticator.check")}
        </Button>
      </p>
    </Form>
  );
}
