import { useTranslation } from "react-i18next";

import type { Dream } from "../api/client";
import { useFormats } from "../i18n/format";
import { directionOf } from "../i18n/locale";
import type { Segment } from "./marks";
import { follow, markId, meaningId, showing } from "./tie";
import type { Tie } from "./tie";

interface DreamWordsProps {
  dream: Dream;
  /** The dream's text, cut at its symbols. */
  segments: readonly Segment[];
  tie: Tie;
}

/** The dream as it was told, set apart from all that a model says, with its symbols marked. */
export function DreamWords({ dream, segments, tie }: DreamWordsProps) {
  const { t, i18n } = useTranslation();
  const { date, languageName } = useFormats();
  const foreign = dream.language !== i18n.language;
  return (
    <section aria-labelledby={`${tie.id}-words`} className="flex flex-col gap-4">
      <h2 id={`${tie.id}-words`} className="text-sm font-medium text-muted">
        {t("dream.words.heading")}
        {" · "}
        <time dateTime={dream.created_at}>{date(dream.created_at)}</time>
        {foreign && ` · ${languageName(dream.language)}`}
      </h2>
      <blockquote
        lang={dream.language}
        dir={directionOf(dream.language)}
        className="border-s-2 border-accent ps-5 font-dream text-lg leading-relaxed whitespace-pre-line break-words sm:text-xl sm:leading-relaxed arabic:text-2xl arabic:leading-loose"
      >
        {segments.map(({ text, symbol }, index) =>
          symbol === null ? (
            <span key={index}>{text}</span>
          ) : (
            <mark key={index} className="bg-transparent text-inherit">
              <a
                id={markId(tie, symbol)}
                href={`#${meaningId(tie, symbol)}`}
                onClick={(event) => follow(event, meaningId(tie, symbol))}
                {...showing(tie, symbol)}
                className={`arriving rounded-sm box-decoration-clone px-0.5 text-ink underline decoration-mark-line decoration-2 underline-offset-4 ${tie.active === symbol ? "bg-mark-strong" : "bg-mark"}`}
              >
                {text}
              </a>
            </mark>
          ),
        )}
      </blockquote>
    </section>
  );
}
