import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Confirmation } from "../../api/client";
import { Button } from "../../ui/Button";
import type { ButtonKind } from "../../ui/Button";
import { Form } from "../Form";
import { FormFailure } from "../FormFailure";
import type { Call } from "../call";
import { PasswordAgain, useConfirmation } from "./confirmation";

interface ConfirmFormProps<Output> {
  call: Call<Confirmation, Output>;
  action: string;
  working?: string;
  kind?: ButtonKind;
  cancel?: string;
  /** What this form says of a problem, by its type or its status. */
  words?: Readonly<Record<string, string>>;
  onDone: (output: Output) => void;
  onCancel: () => void;
}

/** The person once more, before something weighty is done. */
export function ConfirmForm<Output>(props: ConfirmFormProps<Output>) {
  const { call, action, working, kind = "primary", cancel, words = {}, onDone, onCancel } = props;
  const { t } = useTranslation();
  const confirmation = useConfirmation();
  const [tried, setTried] = useState(false);
  const submit = () => {
    setTried(true);
    if (confirmation.given) call.send(confirmation.body, onDone);
  };
  return (
    <Form onSubmit={submit}>
      <PasswordAgain confirmation={confirmation} tried={tried} />
      <FormFailure failure={call.failure} words={{ "/problems/wrong-password": t("account.form.passwordWrong"), ...words }} />
      <div className="flex flex-wrap justify-end gap-3">
        <Button onClick={onCancel}>{cancel ?? t("factors.cancel")}</Button>
        <Button type="submit" kind={kind} aria-disabled={call.pending}>
          {call.pending ? (working ?? t("account.form.saving")) : action}
        </Button>
      </div>
    </Form>
  );
}
