import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { NewAuthenticator } from "../../api/client";
import { ConfirmForm } from "./ConfirmForm";
import { CodesDialog } from "./CodesDialog";
import { FirstCodeForm } from "./FirstCodeForm";
import { useOfferAuthenticator } from "./api";

interface AddDialogProps {
  open: boolean;
  onClose: () => void;
  onDone: () => void;
}

/** Sets an authenticator app up: the password, the secret, the first code, then what to keep for bad days. */
export function AuthenticatorDialog({ open, onClose, onDone }: AddDialogProps) {
  const { t } = useTranslation();
  return (
    <CodesDialog open={open} title={t("factors.authenticator.setUpTitle")} onClose={onClose} onDone={onDone}>
      {(finish) => <Steps onCancel={onClose} onCodes={finish} />}
    </CodesDialog>
  );
}

function Steps({ onCancel, onCodes }: { onCancel: () => void; onCodes: (codes: readonly string[]) => void }) {
  const { t } = useTranslation();
  const offer = useOfferAuthenticator();
  const [made, setMade] = useState<NewAuthenticator | null>(null);
  if (made) return <FirstCodeForm made={made} onCodes={onCodes} />;
  return (
    <>
      <p>{t("factors.authenticator.setUpText")}</p>
      <ConfirmForm call={offer} action={t("factors.next")} onDone={setMade} onCancel={onCancel} />
    </>
  );
}
