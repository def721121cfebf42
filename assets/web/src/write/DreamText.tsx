import type { Ref } from "react";
import { useTranslation } from "react-i18next";

import { useLimits } from "../api/system";
import { useFormats } from "../i18n/format";
import { countCharacters } from "./characters";

interface DreamTextProps {
  ref: Ref<HTMLTextAreaElement>;
  value: string;
  language: string;
  onChange: (text: string) => void;
  onSubmit: () => void;
  /** Why it was not sent. */
  error: string | null;
  disabled: boolean;
}

/** Where a dream is written, with its length. Ctrl or Command with Enter sends it. */
export function DreamText({ ref, value, language, onChange, onSubmit, error, disabled }: DreamTextProps) {
  const { t } = useTranslation();
  const { number } = useFormats();
  const limits = useLimits();
  const count = countCharacters(value);
  const over = count > limits.dream_max_characters;
  const submitOnKeys = (event: React.KeyboardEvent) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    onSubmit();
  };
  return (
    <div className="flex flex-col gap-2">
      <label htmlFor="dream-text" className="sr-only">
        {t("dream.write.label")}
      </label>
      <textarea
        ref={ref}
        id="dream-text"
        lang={language || undefined}
        dir="auto"
        value={value}
        readOnly={disabled}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={submitOnKeys}
        placeholder={t("dream.write.placeholder")}
        aria-describedby="dream-count dream-error"
        aria-invalid={error !== null || over}
        spellCheck
        className="field-sizing-content max-h-[70dvh] min-h-56 w-full resize-y rounded-2xl border border-control bg-surface px-5 py-4 font-dream text-lg leading-relaxed placeholder:text-muted placeholder:italic sm:min-h-64 sm:text-xl sm:leading-relaxed"
      />
      <div className="flex flex-wrap justify-between gap-x-6 text-sm text-muted">
        <p id="dream-error" role="status" className="font-medium text-danger">
          {error}
        </p>
        <p id="dream-count" className={`ms-auto tabular-nums ${over ? "font-medium text-danger" : ""}`}>
          {t("dream.write.count", { count, shown: number(count), most: number(limits.dream_max_characters) })}
        </p>
      </div>
    </div>
  );
}
