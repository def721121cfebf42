import { useId } from "react";
import type { ReactNode } from "react";

interface FieldProps {
  label: ReactNode;
  /** The control, given its id. */
  children: (control: { id: string }) => ReactNode;
}

/** A control with its label, in one line where there is room. */
export function Field({ label, children }: FieldProps) {
  const id = useId();
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-1.5">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      {children({ id })}
    </div>
  );
}
