import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { Button } from "../../ui/Button";
import { Page } from "../../ui/Page";
import { AuthenticatorDialog } from "./AuthenticatorDialog";
import { PasskeyDialog } from "./PasskeyDialog";
import { passkeysWork } from "./webauthn";

interface RequiredPageProps {
  /** While something is being added the page stays, although the box is content already: recovery codes are shown last. */
  onAdding: (adding: boolean) => void;
}

/** In place of every page, for a person whose role must have a second factor: the way to one. */
export function RequiredPage({ onAdding }: RequiredPageProps) {
  const { t } = useTranslation();
  const [open, setOpen] = useState<"authenticator" | "passkey" | null>(null);
  const adding = open !== null;
  useEffect(() => {
    onAdding(adding);
    return () => onAdding(false);
  }, [adding, onAdding]);
  const close = () => setOpen(null);
  return (
    <Page title={t("factors.required.title")} lead={t("factors.required.lead")}>
      <ul className="flex flex-col gap-6">
        <li className="flex flex-col items-start gap-2">
          <p className="text-muted">{t("factors.authenticator.intro")}</p>
          <Button kind="primary" onClick={() => setOpen("authenticator")}>
            {t("factors.authenticator.setUp")}
          </Button>
        </li>
        <li className="flex flex-col items-start gap-2">
          {passkeysWork() ? (
            <>
              <p className="text-muted">{t("factors.passkeys.intro")}</p>
              <Button onClick={() => setOpen("passkey")}>{t("factors.passkeys.add")}</Button>
            </>
          ) : (
            <p className="text-muted">{t("factors.passkeys.unfit")}</p>
          )}
        </li>
      </ul>
      <AuthenticatorDialog open={open === "authenticator"} onClose={close} onDone={close} />
      <PasskeyDialog open={open === "passkey"} onClose={close} onDone={close} />
    </Page>
  );
}
