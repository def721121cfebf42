import { useId } from "react";
import type { ComponentProps, ReactNode } from "react";

export interface TextFieldProps extends Omit<ComponentProps<"input">, "id" | "onChange"> {
  label: ReactNode;
  hint?: ReactNode;
  /** Why it is not accepted. */
  error?: ReactNode;
  onText: (text: string) => void;
  /** Within the frame, after the text. */
  after?: ReactNode;
}

/** A line of text with its label above and what to know about it below. */
export function TextField({ label, hint, error, onText, after, className = "", ...rest }: TextFieldProps) {
  const id = useId();
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      <div className="flex min-h-11 rounded-2xl border border-control bg-surface has-[input:focus-visible]:border-accent has-[input:focus-visible]:outline-2 has-[input:focus-visible]:outline-accent has-[input[aria-invalid=true]]:border-danger">
        <input
          {...rest}
          id={id}
          onChange={(event) => onText(event.target.value)}
          aria-describedby={`${id}-hint ${id}-error`}
          aria-invalid={Boolean(error)}
          className={`min-w-0 flex-1 rounded-2xl bg-transparent px-4 py-2 text-base outline-none read-only:text-muted ${className}`}
        />
        {after}
      </div>
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
