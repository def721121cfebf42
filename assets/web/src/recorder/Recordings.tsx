import { useCallback, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { Button } from "../ui/Button";
import { MicrophoneIcon } from "../ui/icons";
import { Notice } from "../ui/Notice";
import { KeptRecordingCard } from "./KeptRecordingCard";
import { RecorderPanel } from "./RecorderPanel";
import { useKeptRecordings } from "./useKeptRecordings";
import { useRecorder } from "./useRecorder";

interface RecordingsProps {
  /** Language that is spoken; empty: the box finds out. */
  language: string;
  /** What was said. */
  onText: (text: string) => void;
}

/** Telling a dream by voice: the recorder, and the recordings that wait to be turned into text. */
export function Recordings({ language, onText }: RecordingsProps) {
  const { t } = useTranslation();
  const { kept, reload, remove } = useKeptRecordings();
  const [fresh, setFresh] = useState<string | null>(null);
  const [said, setSaid] = useState("");
  const full = useRef(false);
  const recorder = useRecorder((id) => {
    setFresh(id);
    setSaid(full.current ? t("dream.record.full") : t("dream.record.stopped"));
    reload();
  });
  const { state, stop } = recorder;
  const atWork = state.name === "recording" || state.name === "paused";
  const stopAtLimit = useCallback(() => {
    full.current = true;
    stop();
  }, [stop]);
  const start = () => {
    full.current = false;
    setSaid("");
    recorder.start();
  };
  return (
    <div className="flex flex-col gap-3">
      {atWork ? (
        <RecorderPanel recorder={recorder} onFull={stopAtLimit} />
      ) : (
        <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
          <Button onClick={start} aria-disabled={state.name === "asking"}>
            <MicrophoneIcon />
            {t("dream.record.start")}
          </Button>
          <p role="status" className="min-w-0 flex-1 text-sm text-muted">
            {state.name === "asking" ? t("dream.record.asking") : said || t("dream.record.startHint")}
          </p>
        </div>
      )}
      {state.name === "refused" && (
        <Notice tone="danger" title={t(`dream.refusal.${state.refusal}.title`)} live>
          <p>{t(`dream.refusal.${state.refusal}.text`)}</p>
        </Notice>
      )}
      {kept.length > 0 && (
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
                onDiscard={() => remove(recording.id)}
                onHeard={(text) => {
                  remove(recording.id);
                  setSaid(t("dream.record.written"));
                  onText(text);
                }}
              />
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}
