import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { OneTimeCode, User } from "../../api/client";
import { useFormats } from "../../i18n/format";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { FormFailure } from "../FormFailure";
import { useResetCode } from "../api";
import { ShownAddress } from "./ShownAddress";

interface ResetCodeDialogProps {
  user: User;
  open: boolean;
  onClose: () => void;
}

/** Makes the address at which a person chooses a new password, and shows it: this once. */
export function ResetCodeDialog({ user: { id, name }, open, onClose }: ResetCodeDialogProps) {
  const { t } = useTranslation();
  const { dateTime } = useFormats();
  const { send, pending, failure, reset } = useResetCode();
  const [made, setMade] = useState<OneTimeCode | null>(null);
  const close = () => {
    setMade(null);
    reset();
    onClose();
  };
  return (
    <Dialog
      open={open}
      title={t("people.users.resetTitle", { name })}
      onClose={close}
      actions={
        made ? (
          <Button kind="primary" onClick={close}>
            {t("account.form.finish")}
          </Button>
        ) : (
          <>
            <Button onClick={close}>{t("people.cancel")}</Button>
            <Button kind="primary" aria-disabled={pending} onClick={() => send(id, setMade)}>
              {pending ? t("account.form.saving") : t("people.users.resetConfirm")}
            </Button>
          </>
        )
      }
    >
      {made ? (
        <ShownAddress
          label={t("people.users.resetLabel")}
          page="/reset"
          code={made.code}
          hint={t("people.until", { time: dateTime(made.expires_at) })}
        />
      ) : (
        <p>{t("people.users.resetText")}</p>
      )}
      <FormFailure failure={failure} />
    </Dialog>
  );
}
