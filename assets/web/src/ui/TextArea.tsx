import { useId } from "react";
import type { ComponentProps, ReactNode } from "react";

interface TextAreaProps extends Omit<ComponentProps<"textarea">, "id" | "onChange"> {
  label: ReactNode;
  hint?: ReactNode;
  /** Why it is not accepted. */
  error?: ReactNode;
  onText: (text: string) => void;
}

/** A few lines of text with their label above and what to know about them below. */
export function TextArea({ label, hint, error, onText, value, ...rest }: TextAreaProps) {
  const id = useId();
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      <textarea
        rows={2}
        {...rest}
        id={id}
        value={value}
        // An empty field follows the page, so that the cursor stands where the first word will.
        dir={value ? "auto" : undefined}
        onChange={(event) => onText(event.target.value)}
        aria-describedby={`${id}-hint ${id}-error`}
        aria-invalid={Boolean(error)}
        className="field-sizing-content max-h-60 w-full resize-none rounded-2xl border border-control bg-surface px-4 py-2 text-base aria-invalid:border-danger"
      />
      <div className="text-sm">
        <p id={`${id}-error`} role="status" className="font-medium text-danger">
          {error}
        </p>
        <p id={`${id}-hint`} className="text-muted">
          {hint}
        </p>
      </div>
    </div>
  );
}
