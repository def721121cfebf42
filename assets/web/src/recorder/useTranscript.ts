import { useEffect, useRef, useState } from "react";

import { client } from "../api/client";
import { readEvents } from "../api/events";
import { refused, thrown } from "../api/problem";
import { recordingBytes } from "./store";
import type { KeptRecording } from "./store";
import { hear } from "./transcript";
import type { Transcript } from "./transcript";

const extensions: Record<string, string> = { "audio/webm": "webm", "audio/ogg": "ogg", "audio/mp4": "m4a" };

function form(bytes: Blob, language: string): FormData {
  const data = new FormData();
  if (language) data.append("language", language);
  const kind = bytes.type.split(";")[0] ?? "";
  data.append("file", bytes, `recording.${extensions[kind] ?? "bin"}`);
  return data;
}

async function* transcribe(recording: KeptRecording, language: string, signal: AbortSignal): AsyncGenerator<Transcript> {
  yield { phase: "sending" };
  const bytes = await recordingBytes(recording);
  const { data, error, response } = await client.POST("/api/v1/speech/transcriptions", {
    headers: { Accept: "text/event-stream" },
    parseAs: "stream",
    signal,
    // The document describes the form's fields; this is how they travel.
    body: { file: "", language },
    bodySerializer: () => form(bytes, language),
  });
  if (!data) {
    yield { phase: "failed", failure: refused(response, error) };
    return;
  }
  let transcript: Transcript = { phase: "hearing", text: "" };
  yield transcript;
  for await (const event of readEvents(data)) {
    transcript = hear(transcript, event);
    yield transcript;
  }
  if (transcript.phase !== "heard" && transcript.phase !== "failed") yield { phase: "failed", failure: { kind: "broken" } };
}

/** Turns a kept recording into text. `onHeard` gets the text; only then may the recording go. */
export function useTranscript(recording: KeptRecording, onHeard: (text: string) => void) {
  const [transcript, setTranscript] = useState<Transcript>({ phase: "idle" });
  const current = useRef<AbortController | null>(null);
  useEffect(() => () => current.current?.abort(), []);

  const send = async (language: string) => {
    current.current?.abort();
    const controller = new AbortController();
    current.current = controller;
    let begun = false;
    const tell = (next: Transcript) => {
      if (controller.signal.aborted) return;
      begun ||= next.phase === "hearing";
      setTranscript(next);
      if (next.phase === "heard") onHeard(next.transcription.text.trim());
    };
    try {
      for await (const next of transcribe(recording, language, controller.signal)) tell(next);
    } catch (error) {
      tell({ phase: "failed", failure: thrown(error, begun) });
    }
  };
  return { transcript, send: (language: string) => void send(language) };
}
