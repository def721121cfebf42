import { useId, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import type { Dream, DreamWithReadings, Interpretation, SimilarDream } from "../api/client";
import { DialogPart } from "./DialogPart";
import { DreamWords } from "./DreamWords";
import { segmentDream } from "./marks";
import type { ReadingText } from "./progress";
import { ReadingBody } from "./ReadingBody";
import { Recurring } from "./Recurring";
import { SimilarDreams } from "./SimilarDreams";

interface ReadingViewProps {
  dream: Dream;
  text: ReadingText;
  /** The finished reading, for its colophon; absent while it is being written. */
  reading?: Interpretation | null;
  /** The dream as the box keeps it, with what the dreamer said of it; absent until it is asked for. */
  kept?: DreamWithReadings | null;
  /** `null` until they have been looked for. */
  similar?: SimilarDream[] | null;
  /** Why it waits, that it is being written, or why it failed: stands where the next words will come. */
  state?: React.ReactNode;
  /** Set while words are coming. */
  busy?: boolean;
}

/** A dream with its reading: the dreamer's words on one side, the model's on the other, tied by the symbols. */
export function ReadingView({ dream, text, reading = null, kept = null, similar, state, busy = false }: ReadingViewProps) {
  const { t } = useTranslation();
  const id = useId();
  const [active, setActive] = useState<number | null>(null);
  const segments = useMemo(() => segmentDream(dream.text, text.symbols), [dream.text, text.symbols]);
  const marked = new Set(segments.map((segment) => segment.symbol));
  const tie = { id, active, onActive: setActive };
  const beside = (className: string) => (
    <>
      {kept && <Recurring kept={kept} className={className} />}
      {similar && similar.length > 0 && <SimilarDreams similar={similar} className={className} />}
    </>
  );
  return (
    <div className="grid gap-10 lg:grid-cols-[minmax(0,5fr)_minmax(0,6fr)] lg:gap-14">
      <div className="flex min-w-0 flex-col gap-10 self-start lg:sticky lg:top-8">
        <DreamWords dream={dream} segments={segments} tie={tie} />
        {beside("hidden lg:flex")}
      </div>
      <section aria-labelledby={`${id}-title`} className="flex min-w-0 flex-col gap-8">
        <h2 id={`${id}-title`} className="-mb-5 text-sm font-medium text-muted">
          {t("dream.reading.heading")}
        </h2>
        <ReadingBody
          text={text}
          language={reading?.language ?? dream.language}
          reading={reading}
          kept={kept}
          marked={marked}
          tie={tie}
          state={state}
          busy={busy}
        />
        {reading && kept && (
          <DialogPart
            key={reading.lens}
            dream={dream}
            lens={reading.lens}
            turns={kept.dialog.filter(({ lens }) => lens === reading.lens)}
          />
        )}
        {beside("flex lg:hidden")}
      </section>
    </div>
  );
}
