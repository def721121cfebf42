import { useTranslation } from "react-i18next";

import type { User } from "../../api/client";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { FormFailure } from "../FormFailure";
import { useRemoveFactorsOf } from "../factors/api";

interface RemoveFactorDialogProps {
  user: User;
  open: boolean;
  onClose: () => void;
}

/** Asks before the second factor of somebody goes who has lost it. */
export function RemoveFactorDialog({ user: { id, name }, open, onClose }: RemoveFactorDialogProps) {
  const { t } = useTranslation();
  const { send, pending, failure, reset } = useRemoveFactorsOf(id);
  const close = () => {
    reset();
    onClose();
  };
  return (
    <Dialog
      open={open}
      title={t("people.users.removeFactorTitle", { name })}
      onClose={close}
      actions={
        <>
          <Button onClick={close}>{t("people.cancel")}</Button>
          <Button kind="danger" aria-disabled={pending} onClick={() => send(undefined, close)}>
            {pending ? t("account.form.saving") : t("people.users.removeFactor")}
          </Button>
        </>
      }
    >
      <p>{t("people.users.removeFactorText")}</p>
      <FormFailure failure={failure} />
    </Dialog>
  );
}
