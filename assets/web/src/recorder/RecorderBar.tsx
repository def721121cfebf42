import { useCallback, useRef } from "react";
import { useTranslation } from "react-i18next";

import { Button } from "../ui/Button";
import { MicrophoneIcon } from "../ui/icons";
import { Notice } from "../ui/Notice";
import { RecorderPanel } from "./RecorderPanel";
import { useRecorder } from "./useRecorder";

interface RecorderBarProps {
  /** What became of the last recording, said in place of the hint. */
  said: string;
  onBegin: () => void;
  /** A recording was made and is kept; `full`: it had the greatest length. */
  onKept: (id: string, full: boolean) => void;
  /** A recording broke off; what of it could be kept waits with the others. */
  onBroken: () => void;
}

/** Begins a recording, and becomes the recorder while it runs. */
export function RecorderBar({ said, onBegin, onKept, onBroken }: RecorderBarProps) {
  const { t } = useTranslation();
  const full = useRef(false);
  const recorder = useRecorder((id, whole) => (whole ? onKept(id, full.current) : onBroken()));
  const { state, stop } = recorder;
  const stopAtLimit = useCallback(() => {
    full.current = true;
    stop();
  }, [stop]);
  const start = () => {
    full.current = false;
    onBegin();
    recorder.start();
  };
  if (state.name === "recording" || state.name === "paused") return <RecorderPanel recorder={recorder} onFull={stopAtLimit} />;
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
        <Button onClick={start} aria-disabled={state.name === "asking"}>
          <MicrophoneIcon />
          {t("dream.record.start")}
        </Button>
        <p role="status" className="flex-1 basis-60 text-sm text-muted">
          {state.name === "asking" ? t("dream.record.asking") : said || t("dream.record.startHint")}
        </p>
      </div>
      {state.name === "refused" && (
        <Notice tone="danger" title={t(`dream.refusal.${state.refusal}.title`)} live>
          <p>{t(`dream.refusal.${state.refusal}.text`)}</p>
        </Notice>
      )}
    </div>
  );
}
