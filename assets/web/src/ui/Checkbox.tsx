import type { ComponentProps, ReactNode } from "react";

interface CheckboxProps extends Omit<ComponentProps<"input">, "type" | "onChange"> {
  label: ReactNode;
  hint?: ReactNode;
  onSwitch: (checked: boolean) => void;
}

/** A box to tick; its words are part of it. */
export function Checkbox({ label, hint, onSwitch, ...rest }: CheckboxProps) {
  return (
    <label className="flex min-h-11 items-start gap-3 py-1.5">
      <input
        {...rest}
        type="checkbox"
        onChange={(event) => onSwitch(event.target.checked)}
        className="mt-0.5 size-5 shrink-0 accent-accent"
      />
      <span>
        {label}
        {hint && <span className="block text-sm text-muted">{hint}</span>}
      </span>
    </label>
  );
}
