import { useId, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import type { Dream, Interpretation, SimilarDream } from "../api/client";
import { Colophon } from "./Colophon";
import { DreamWords } from "./DreamWords";
import { Feelings } from "./Feelings";
import { segmentDream } from "./marks";
import { Passage } from "./Passage";
import type { ReadingText } from "./progress";
import { SimilarDreams } from "./SimilarDreams";
import { SymbolList } from "./SymbolList";

interface ReadingViewProps {
  dream: Dream;
  text: ReadingText;
  /** The finished reading, for its colophon; absent while it is being written. */
  reading?: Interpretation | null;
  /** `null` until they have been looked for. */
  similar?: SimilarDream[] | null;
  /** Why it waits, that it is being written, or why it failed: stands where the next words will come. */
  state?: React.ReactNode;
  /** Set while words are coming. */
  busy?: boolean;
}

/** A dream with its reading: the dreamer's words on one side, the model's on the other, tied by the symbols. */
export function ReadingView({ dream, text, reading, similar, state, busy = false }: ReadingViewProps) {
  const { t } = useTranslation();
  const id = useId();
  const [active, setActive] = useState<number | null>(null);
  const language = reading?.language ?? dream.language;
  const segments = useMemo(() => segmentDream(dream.text, text.symbols), [dream.text, text.symbols]);
  const marked = new Set(segments.map((segment) => segment.symbol));
  const tie = { id, active, onActive: setActive };
  return (
    <div className="grid gap-10 lg:grid-cols-[minmax(0,5fr)_minmax(0,6fr)] lg:gap-14">
      <div className="flex min-w-0 flex-col gap-10 self-start lg:sticky lg:top-8">
        <DreamWords dream={dream} segments={segments} tie={tie} />
        {similar && similar.length > 0 && <SimilarDreams similar={similar} className="hidden lg:flex" />}
      </div>
      <section aria-labelledby={`${id}-title`} aria-busy={busy} className="flex min-w-0 flex-col gap-8">
        <div className="flex flex-col gap-3">
          <h2 id={`${id}-title`} className="text-sm font-medium text-muted">
            {t("dream.reading.heading")}
          </h2>
          {text.title && (
            <h3 lang={language} dir="auto" className="arriving text-2xl font-semibold sm:text-3xl">
              {text.title}
            </h3>
          )}
        </div>
        <Passage text={text.summary} language={language} lead />
        <Feelings mood={text.mood} emotions={text.emotions} archetypes={text.archetypes} language={language} />
        <SymbolList symbols={text.symbols} marked={marked} language={language} tie={tie} />
        <Passage title={t("dream.reading.meaning")} text={text.interpretation} language={language} />
        <Passage title={t("dream.reading.advice")} text={text.advice} language={language} />
        <Passage title={t("dream.reading.questions")} text={text.questions.filter(Boolean)} language={language} />
        {state}
        {reading && <Colophon reading={reading} />}
        {similar && similar.length > 0 && <SimilarDreams similar={similar} className="flex lg:hidden" />}
      </section>
    </div>
  );
}
