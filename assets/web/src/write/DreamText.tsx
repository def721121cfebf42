import type { ReactNode, Ref } from "react";
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
  /** The recorder, at the foot of the sheet. */
  foot: ReactNode;
}

/** The sheet a dream is written on, with its length. Ctrl or Command with Enter sends it. */
export function DreamText({ ref, value, language, onChange, onSubmit, error, disabled, foot }: DreamTextProps) {
  const { t, i18n } = useTranslation();
  const { number } = useFormats();
  const most = useLimits().dream_max_characters;
  const count = countCharacters(value);
  const over = count > most;
  const submitOnKeys = (event: React.KeyboardEvent) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    onSubmit();
  };
  return (
    <div className="flex flex-col gap-2">
      <div className="rounded-3xl border border-control bg-surface has-[textarea:focus-visible]:border-accent has-[textarea:focus-visible]:outline-2 has-[textarea:focus-visible]:outline-accent">
        <label htmlFor="dream-text" className="sr-only">
          {t("dream.write.label")}
        </label>
        <textarea
          ref={ref}
          id="dream-text"
          lang={language || i18n.language}
          // An empty field follows the page, so that its placeholder stands where the first word will.
          dir={value ? "auto" : undefined}
          value={value}
          readOnly={disabled}
          onChange={(event) => onChange(event.target.value)}
          onKeyDown={submitOnKeys}
          placeholder={t("dream.write.placeholder")}
          aria-describedby="dream-count dream-error"
          aria-invalid={error !== null || over}
          spellCheck
          className="block field-sizing-content max-h-[60dvh] min-h-44 w-full resize-none bg-transparent px-5 py-4 font-dream text-xl leading-relaxed outline-none placeholder:text-muted placeholder:italic arabic:text-2xl arabic:leading-loose arabic:placeholder:not-italic sm:min-h-56 sm:px-7 sm:py-6"
        />
        <div className="border-t border-line p-3 sm:px-4">{foot}</div>
      </div>
      <div className="flex flex-wrap justify-between gap-x-6 px-1 text-sm text-muted">
        <p id="dream-error" role="status" className="font-medium text-danger">
          {error}
        </p>
        <p id="dream-count" className={`ms-auto tabular-nums ${over ? "font-medium text-danger" : ""}`}>
          {t("dream.write.count", { count, shown: number(count), most: number(most) })}
        </p>
      </div>
    </div>
  );
}
