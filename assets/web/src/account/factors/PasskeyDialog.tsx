import { useState } from "react";
import { useTranslation } from "react-i18next";

import { Button } from "../../ui/Button";
import { TextField } from "../../ui/TextField";
import { Form } from "../Form";
import { FormFailure } from "../FormFailure";
import { agentName } from "../agent";
import { refusedFields } from "../refusedFields";
import { CodesDialog } from "./CodesDialog";
import { useAddPasskey } from "./api";
import { PasswordAgain, useConfirmation } from "./confirmation";

interface PasskeyDialogProps {
  open: boolean;
  onClose: () => void;
  onDone: () => void;
}

/** Adds a passkey: a name for it and the password here, the rest in the browser. */
export function PasskeyDialog({ open, onClose, onDone }: PasskeyDialogProps) {
  const { t } = useTranslation();
  return (
    <CodesDialog open={open} title={t("factors.passkeys.add")} onClose={onClose} onDone={onDone}>
      {(finish) => <PasskeyForm onCodes={finish} />}
    </CodesDialog>
  );
}

function PasskeyForm({ onCodes }: { onCodes: (codes: readonly string[]) => void }) {
  const { t } = useTranslation();
  const { send, pending, failure } = useAddPasskey();
  const confirmation = useConfirmation();
  const [name, setName] = useState(() => agentName(navigator.userAgent) ?? "");
  const [tried, setTried] = useState(false);
  const submit = () => {
    setTried(true);
    if (!name.trim() || !confirmation.given) return;
    send({ name: name.trim(), ...confirmation.body }, ({ recovery_codes }) => onCodes(recovery_codes));
  };
  return (
    <Form onSubmit={submit}>
      <p>{t("factors.passkeys.addText")}</p>
      <TextField
        label={t("factors.passkeys.name")}
        hint={t("factors.passkeys.nameHint")}
        error={
          tried && !name.trim()
            ? t("account.form.required")
            : refusedFields(failure).has("name") && t("factors.passkeys.nameRefused")
        }
        value={name}
        onText={setName}
        autoComplete="off"
        required
      />
      <PasswordAgain confirmation={confirmation} tried={tried} />
      <FormFailure failure={failure} words={{ "/problems/wrong-password": t("account.form.passwordWrong") }} fields={["name"]} />
      <p className="flex justify-end">
        <Button type="submit" kind="primary" aria-disabled={pending}>
          {pending ? t("factors.passkeys.making") : t("factors.passkeys.make")}
        </Button>
      </p>
    </Form>
  );
}
