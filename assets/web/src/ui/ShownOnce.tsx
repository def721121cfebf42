import { useEffect, useId, useRef, useState } from "react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Button } from "./Button";

interface ShownOnceProps {
  label: ReactNode;
  /** What is shown. */
  value: string;
  hint?: ReactNode;
  /** How many lines it has. */
  rows?: number;
  /** Further buttons. */
  actions?: ReactNode;
}

/** A secret that is told a single time, with a button to copy it. */
export function ShownOnce({ label, value, hint, rows = 2, actions }: ShownOnceProps) {
  const { t } = useTranslation();
  const id = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  const [said, setSaid] = useState("");
  // It is what was waited for: the keyboard goes on here, and a screen reader says what it is.
  useEffect(() => field.current?.focus(), []);

  const copy = async () => {
    // Only a page that came over a secure connection has one.
    const clipboard = navigator.clipboard as Clipboard | undefined;
    try {
      if (!clipboard) throw new Error("there is no clipboard");
      await clipboard.writeText(value);
      setSaid(t("shell.once.copied"));
    } catch {
      field.current?.select();
      setSaid(t("shell.once.selected"));
    }
  };
  return (
    <div className="flex flex-col gap-2">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      <textarea
        ref={field}
        id={id}
        readOnly
        value={value}
        dir="ltr"
        translate="no"
        rows={rows}
        aria-describedby={`${id}-hint`}
        onFocus={(event) => event.target.select()}
        className="block field-sizing-content w-full resize-none rounded-2xl border border-control bg-sunken px-4 py-2 text-start font-mono text-sm break-all"
      />
      <p id={`${id}-hint`} className="text-sm text-muted">
        {t("shell.once.warning")}
        {hint && <> {hint}</>}
      </p>
      <div className="flex flex-wrap items-center gap-3">
        <Button onClick={() => void copy()}>{t("shell.once.copy")}</Button>
        {actions}
        <p role="status">{said}</p>
      </div>
    </div>
  );
}
