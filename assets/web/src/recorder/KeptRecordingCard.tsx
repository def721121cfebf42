import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { useFormats } from "../i18n/format";
import { FailureNotice } from "../shell/FailureNotice";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Player } from "./Player";
import type { KeptRecording } from "./store";
import type { Transcript } from "./transcript";
import { useTranscript } from "./useTranscript";

interface KeptRecordingCardProps {
  recording: KeptRecording;
  language: string;
  /** It was just made: the keyboard goes on here. */
  fresh: boolean;
  /** With the text of it. */
  onHeard: (text: string) => void;
  onDiscard: () => void;
}

function useTranscriptWords(transcript: Transcript, silent: boolean): string {
  const { t } = useTranslation();
  if (silent) return t("dream.record.silent");
  if (transcript.phase === "sending") return t("dream.record.sending");
  if (transcript.phase === "hearing") return t("dream.record.hearing");
  if (transcript.phase === "waiting")
    return transcript.place > 0 ? t("dream.record.queue", { count: transcript.place }) : t("dream.wait.next");
  return "";
}

/** A recording that waits in this browser: play it, turn it into text, or discard it. */
export function KeptRecordingCard({ recording, language, fresh, onHeard, onDiscard }: KeptRecordingCardProps) {
  const { t } = useTranslation();
  const { clock, dateTime } = useFormats();
  const [silent, setSilent] = useState(false);
  const [asking, setAsking] = useState(false);
  const { transcript, send } = useTranscript(recording, (text) => (text ? onHeard(text) : setSilent(true)));
  const sendButton = useRef<HTMLButtonElement>(null);
  const words = useTranscriptWords(transcript, silent);
  const busy = transcript.phase === "sending" || transcript.phase === "waiting" || transcript.phase === "hearing";
  const name = t("dream.record.play", {
    date: dateTime(new Date(recording.startedAt).toISOString()),
    length: clock(recording.milliseconds),
  });
  useEffect(() => {
    if (fresh) sendButton.current?.focus();
  }, [fresh]);

  const begin = () => {
    setSilent(false);
    send(language);
  };
  return (
    <li className="flex flex-col gap-3 rounded-2xl border border-line bg-surface p-4">
      <p className="text-sm text-muted">{name}</p>
      <Player recording={recording} name={name} />
      <p role="status" className={words ? "" : "sr-only"}>
        {words}
      </p>
      {transcript.phase === "hearing" && transcript.text && (
        <p dir="auto" lang={language || undefined} className="font-dream text-muted">
          {transcript.text}
        </p>
      )}
      {transcript.phase === "failed" && <FailureNotice failure={transcript.failure} onRetry={begin} />}
      <div className="flex flex-wrap gap-3">
        <Button ref={sendButton} kind="primary" aria-disabled={busy} onClick={() => !busy && begin()}>
          {t("dream.record.send")}
        </Button>
        <Button disabled={busy} onClick={() => setAsking(true)}>
          {t("dream.record.discard")}
        </Button>
      </div>
      <Dialog
        open={asking}
        onClose={() => setAsking(false)}
        title={t("dream.record.discardTitle")}
        actions={
          <>
            <Button onClick={() => setAsking(false)}>{t("dream.record.keep")}</Button>
            <Button kind="danger" onClick={onDiscard}>
              {t("dream.record.discard")}
            </Button>
          </>
        }
      >
        <p>{t("dream.record.discardText")}</p>
      </Dialog>
    </li>
  );
}
