import { useTranslation } from "react-i18next";

import { KeptRecordingCard } from "./KeptRecordingCard";
import type { KeptRecording } from "./store";

interface RecordingsProps {
  kept: KeptRecording[];
  /** The one that was just made. */
  fresh: string | null;
  /** Language that is spoken; empty: the box finds out. */
  language: string;
  onHeard: (id: string, text: string) => void;
  onDiscard: (id: string) => void;
}

/** The recordings that wait in this browser to be turned into text. */
export function Recordings({ kept, fresh, language, onHeard, onDiscard }: RecordingsProps) {
  const { t } = useTranslation();
  if (kept.length === 0) return null;
  return (
    <section aria-labelledby="kept-recordings" className="flex flex-col gap-2">
      <h2 id="kept-recordings" className="font-medium">
        {t("dream.record.keptHeading")}
      </h2>
      <ul className="flex flex-col gap-3">
        {kept.map((recording) => (
          <KeptRecordingCard
            key={recording.id}
            recording={recording}
            language={language}
            fresh={recording.id === fresh}
            onDiscard={() => onDiscard(recording.id)}
            onHeard={(text) => onHeard(recording.id, text)}
          />
        ))}
      </ul>
    </section>
  );
}
