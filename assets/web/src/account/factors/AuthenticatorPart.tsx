import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { SecondFactor } from "../../api/client";
import { Button } from "../../ui/Button";
import { State } from "../../ui/State";
import { AskDialog } from "./AskDialog";
import { AuthenticatorDialog } from "./AuthenticatorDialog";
import { LastFactor } from "./LastFactor";
import { Part } from "./Part";
import { useRemoveAuthenticator } from "./api";

interface AuthenticatorPartProps {
  factor: SecondFactor;
  onChanged: () => void;
}

/** An app that makes codes: there, or to be set up. */
export function AuthenticatorPart({ factor, onChanged }: AuthenticatorPartProps) {
  const { t } = useTranslation();
  const remove = useRemoveAuthenticator();
  const [open, setOpen] = useState<"add" | "remove" | null>(null);
  const close = () => setOpen(null);
  const changed = () => {
    close();
    onChanged();
  };
  return (
    <Part
      title={t("factors.authenticator.title")}
      state={factor.authenticator && <State tone="good">{t("factors.inUse")}</State>}
      intro={t("factors.authenticator.intro")}
    >
      {factor.authenticator ? (
        <Button kind="danger" aria-label={t("factors.authenticator.removeNamed")} onClick={() => setOpen("remove")}>
          {t("factors.remove")}
        </Button>
      ) : (
        <Button onClick={() => setOpen("add")}>{t("factors.authenticator.setUp")}</Button>
      )}
      <AuthenticatorDialog open={open === "add"} onClose={close} onDone={changed} />
      <AskDialog
        open={open === "remove"}
        title={t("factors.authenticator.removeTitle")}
        action={t("factors.remove")}
        kind="danger"
        call={remove}
        onClose={close}
        onDone={changed}
      >
        <p>{t("factors.authenticator.removeText")}</p>
        <LastFactor factor={factor} />
      </AskDialog>
    </Part>
  );
}
