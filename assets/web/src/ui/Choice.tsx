import type { ReactNode } from "react";

export interface ChoiceOption<Value extends string> {
  value: Value;
  label: ReactNode;
  hint?: ReactNode;
  /** The label's own language, where it is not the page's. */
  lang?: string;
}

interface ChoiceProps<Value extends string> {
  /** Unique on the page. */
  name: string;
  legend: ReactNode;
  options: readonly ChoiceOption<Value>[];
  value: Value;
  onChange: (value: Value) => void;
  hideLegend?: boolean;
}

/** One of a few: the browser's own radio buttons, drawn as pills. */
export function Choice<Value extends string>({ name, legend, options, value, onChange, hideLegend = false }: ChoiceProps<Value>) {
  const hint = options.find((option) => option.value === value)?.hint;
  return (
    <fieldset className="flex min-w-0 flex-col gap-2">
      <legend className={hideLegend ? "sr-only" : "mb-2 font-medium"}>{legend}</legend>
      <div className="flex flex-wrap gap-2">
        {options.map((option) => (
          <label
            key={option.value}
            lang={option.lang}
            className="inline-flex min-h-11 items-center rounded-full border border-control px-4 py-1.5 has-checked:border-accent has-checked:bg-accent has-checked:text-on-accent has-focus-visible:outline-3 has-focus-visible:outline-offset-3 has-focus-visible:outline-accent forced-colors:has-checked:outline-2"
          >
            <input
              type="radio"
              name={name}
              value={option.value}
              checked={option.value === value}
              onChange={() => onChange(option.value)}
              className="sr-only"
            />
            {option.label}
          </label>
        ))}
      </div>
      {hint && (
        <p aria-live="polite" className="text-sm text-muted">
          {hint}
        </p>
      )}
    </fieldset>
  );
}
