import { useTranslation } from "react-i18next";

import type { User } from "../../api/client";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { FormFailure } from "../FormFailure";
import { useChangeUser } from "../api";

interface UserDialogProps {
  user: User;
  open: boolean;
  onClose: () => void;
}

/** Asks before a person is shut out, or let in again. */
export function SuspendDialog({ user: { id, name, suspended }, open, onClose }: UserDialogProps) {
  const { t } = useTranslation();
  const { send, pending, failure, reset } = useChangeUser();
  const close = () => {
    reset();
    onClose();
  };
  const confirm = suspended ? t("people.users.reinstate") : t("people.users.suspend");
  return (
    <Dialog
      open={open}
      title={suspended ? t("people.users.reinstateTitle", { name }) : t("people.users.suspendTitle", { name })}
      onClose={close}
      actions={
        <>
          <Button onClick={close}>{t("people.cancel")}</Button>
          <Button
            kind={suspended ? "primary" : "danger"}
            aria-disabled={pending}
            onClick={() => send({ id, suspended: !suspended }, close)}
          >
            {pending ? t("account.form.saving") : confirm}
          </Button>
        </>
      }
    >
      <p>{suspended ? t("people.users.reinstateText") : t("people.users.suspendText")}</p>
      <FormFailure failure={failure} words={{ 409: t("people.users.lastAdmin") }} />
    </Dialog>
  );
}
