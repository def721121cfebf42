import { useTranslation } from "react-i18next";

import type { DreamWithReadings, Interpretation } from "../api/client";
import { Colophon } from "./Colophon";
import { Composed } from "./Composed";
import { composedSymbols, hasComposedQuestion, isComposed, isWhollyComposed } from "./composedFields";
import { Feelings } from "./Feelings";
import { OpinionPart } from "./OpinionPart";
import { Passage } from "./Passage";
import type { ReadingText } from "./progress";
import { Said } from "./Said";
import { SymbolList } from "./SymbolList";
import type { Tie } from "./tie";

interface ReadingBodyProps {
  text: ReadingText;
  language: string;
  /** The finished reading; absent while it is being written. */
  reading: Interpretation | null;
  /** The dream with what its dreamer said; absent until the reading is there to be spoken of. */
  kept: DreamWithReadings | null;
  marked: ReadonlySet<number | null>;
  tie: Tie | null;
  /** Stands where the next words will come. */
  state?: React.ReactNode;
  /** Set while words are coming. */
  busy?: boolean;
}

/** All that one reading says, with what is said beside it, what the dreamer thinks of it, and how it was made. */
export function ReadingBody({ text, language, reading, kept, marked, tie, state, busy = false }: ReadingBodyProps) {
  const { t } = useTranslation();
  const all = reading?.composed ?? [];
  const composed = isWhollyComposed(all) ? [] : all;
  return (
    <>
      {/* What says where the reading stands is outside: a screen reader keeps silent on what is busy. */}
      <div aria-busy={busy} className="flex flex-col gap-8 empty:hidden">
        {text.title && (
          <div className="flex flex-col gap-1">
            <h3 lang={language} dir="auto" className="arriving text-2xl font-semibold break-words sm:text-3xl">
              {text.title}
            </h3>
            {isComposed(composed, "title") && <Composed />}
          </div>
        )}
        <Passage text={text.summary} language={language} composed={isComposed(composed, "summary")} lead />
        <Feelings mood={text.mood} emotions={text.emotions} archetypes={text.archetypes} language={language} />
        <SymbolList
          symbols={text.symbols}
          composed={composedSymbols(composed)}
          marked={marked}
          language={language}
          tie={tie}
          kept={tie && reading ? kept : null}
          lens={reading?.lens ?? null}
        />
        <Passage
          title={t("dream.reading.meaning")}
          text={text.interpretation}
          language={language}
          composed={isComposed(composed, "interpretation")}
        />
        <Passage
          title={t("dream.reading.advice")}
          text={text.advice}
          language={language}
          composed={isComposed(composed, "advice")}
        />
        <Passage
          title={t("dream.reading.questions")}
          text={text.questions.filter(Boolean)}
          language={language}
          composed={hasComposedQuestion(composed)}
        />
      </div>
      {state}
      {reading && <Said reading={reading} />}
      {reading && kept && (
        <OpinionPart
          key={reading.lens}
          dream={kept.dream}
          lens={reading.lens}
          opinion={kept.opinions.find(({ lens }) => lens === reading.lens)}
        />
      )}
      {reading && <Colophon reading={reading} />}
    </>
  );
}
