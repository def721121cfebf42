import type { ReactNode } from "react";

import type { Confirmation } from "../../api/client";
import type { ButtonKind } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import type { Call } from "../call";
import { ConfirmForm } from "./ConfirmForm";

interface AskDialogProps<Output> {
  open: boolean;
  title: string;
  /** What will be. */
  children: ReactNode;
  action: string;
  kind?: ButtonKind;
  call: Call<Confirmation, Output>;
  words?: Readonly<Record<string, string>>;
  onClose: () => void;
  onDone: (output: Output) => void;
}

/** Says what will be, and asks for the password before it is. */
export function AskDialog<Output>({ open, title, children, onClose, onDone, ...form }: AskDialogProps<Output>) {
  const close = () => {
    form.call.reset();
    onClose();
  };
  return (
    <Dialog open={open} title={title} onClose={close}>
      {children}
      <ConfirmForm {...form} onDone={onDone} onCancel={close} />
    </Dialog>
  );
}
