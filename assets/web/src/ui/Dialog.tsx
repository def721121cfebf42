import { useEffect, useId, useRef } from "react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { CloseIcon } from "./icons";

interface DialogProps {
  open: boolean;
  title: string;
  onClose: () => void;
  /** It must not close by chance: neither by Escape nor by a button of its own. */
  held?: boolean;
  /** Buttons at the end. */
  actions?: ReactNode;
  children?: ReactNode;
}

/** A modal dialog on the browser's own element, which keeps the focus in, answers Escape and gives the focus back. */
export function Dialog({ open, title, onClose, held = false, actions, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  const { t } = useTranslation();

  useEffect(() => {
    const element = dialog.current;
    if (!element) return;
    if (open && !element.open) element.showModal();
    if (!open && element.open) element.close();
  }, [open]);

  const closed = () => {
    // A browser lets nobody be kept in a dialog: at a second Escape it closes whatever is said.
    if (held) dialog.current?.showModal();
    else onClose();
  };
  return (
    <dialog
      ref={dialog}
      aria-labelledby={titleId}
      onCancel={(event) => {
        if (held) event.preventDefault();
      }}
      onClose={closed}
      className="m-auto w-[min(30rem,calc(100vw-2rem))] rounded-2xl border border-line bg-surface p-0 text-ink backdrop:bg-shade"
    >
      {open && (
        <div className="flex flex-col gap-5 p-5 sm:p-6">
          <div className="flex items-start justify-between gap-4">
            <h2 id={titleId} className="text-xl font-semibold">
              {title}
            </h2>
            {!held && (
              <button
                type="button"
                onClick={onClose}
                aria-label={t("shell.close")}
                className="-m-2 inline-flex size-11 shrink-0 items-center justify-center rounded-full text-muted hover:text-ink"
              >
                <CloseIcon />
              </button>
            )}
          </div>
          {children}
          {actions && <div className="flex flex-wrap justify-end gap-3">{actions}</div>}
        </div>
      )}
    </dialog>
  );
}
