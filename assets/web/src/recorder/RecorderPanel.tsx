import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";

import { useLimits } from "../api/system";
import { useFormats } from "../i18n/format";
import { Button } from "../ui/Button";
import { MicrophoneIcon, PauseIcon, StopIcon } from "../ui/icons";
import { LevelMeter } from "./LevelMeter";
import { lengthAt } from "./machine";
import type { Recorder } from "./useRecorder";
import { useNow } from "./useNow";

/** What is left is said only when it becomes short. */
const WARN_MILLISECONDS = 60_000;

/** The recorder while it records: level, time, pause, stop. */
export function RecorderPanel({ recorder, onFull }: { recorder: Recorder; onFull: () => void }) {
  const { t } = useTranslation();
  const { clock } = useFormats();
  const { state, stop } = recorder;
  const recording = state.name === "recording";
  const now = useNow(recording);
  const length = lengthAt(state, now);
  const left = useLimits().recording_minutes * 60_000 - length;
  const pauseButton = useRef<HTMLButtonElement>(null);

  // The button that began it is gone: the keyboard goes on here.
  useEffect(() => pauseButton.current?.focus(), []);
  useEffect(() => {
    if (left <= 0) onFull();
  }, [left, onFull]);

  return (
    <section aria-label={t("dream.record.heading")} className="flex flex-col gap-3 p-1">
      <div className="flex items-center gap-4">
        <span className={`size-3 shrink-0 rounded-full ${recording ? "breathing bg-danger" : "border-2 border-control"}`} />
        <p role="status" className="min-w-24 font-medium">
          {recording ? t("dream.record.on") : t("dream.record.paused")}
        </p>
        <p role="timer" aria-label={t("dream.record.time")} className="ms-auto text-2xl tabular-nums">
          {clock(length)}
        </p>
      </div>
      <LevelMeter stream={recorder.stream} active={recording} />
      {left < WARN_MILLISECONDS && (
        <p role="status" className="text-sm text-danger">
          {t("dream.record.left", { time: clock(Math.max(0, Math.ceil(left / 10_000) * 10_000)) })}
        </p>
      )}
      <div className="flex flex-wrap gap-3">
        <Button ref={pauseButton} onClick={recording ? recorder.pause : recorder.resume}>
          {recording ? <PauseIcon /> : <MicrophoneIcon />}
          {recording ? t("dream.record.pause") : t("dream.record.resume")}
        </Button>
        <Button kind="primary" onClick={stop}>
          <StopIcon />
          {t("dream.record.stop")}
        </Button>
      </div>
    </section>
  );
}
