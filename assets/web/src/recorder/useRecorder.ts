import { useCallback, useEffect, useReducer, useRef, useState } from "react";

import { lengthAt, step } from "./machine";
import type { RecorderState } from "./machine";
import { missingForRecording, refusalOf } from "./microphone";
import { RecordingSession } from "./session";

export interface Recorder {
  state: RecorderState;
  /** The microphone's sound, for the level meter. */
  stream: MediaStream | null;
  start: () => void;
  pause: () => void;
  resume: () => void;
  stop: () => void;
}

/** Records; each finished recording is kept and then told of. Leaving the component ends and keeps it. */
export function useRecorder(onKept: (id: string) => void): Recorder {
  const [state, dispatch] = useReducer(step, { name: "idle" });
  const [stream, setStream] = useState<MediaStream | null>(null);
  const latest = useRef(state);
  const session = useRef<RecordingSession | null>(null);
  const told = useRef(onKept);
  useEffect(() => {
    latest.current = state;
    told.current = onKept;
  });

  const end = useCallback(() => {
    const ending = session.current;
    if (!ending) return;
    session.current = null;
    const now = performance.now();
    const length = lengthAt(latest.current, now);
    dispatch({ type: "stop", now });
    ending
      .end(length)
      .catch(() => undefined)
      .finally(() => {
        dispatch({ type: "stopped" });
        told.current(ending.id);
      });
  }, []);

  useEffect(() => {
    const keepPieces = () => {
      if (document.visibilityState === "hidden") session.current?.flush();
    };
    document.addEventListener("visibilitychange", keepPieces);
    return () => {
      document.removeEventListener("visibilitychange", keepPieces);
      end();
    };
  }, [end]);

  const start = () => {
    const missing = missingForRecording();
    dispatch(missing ? { type: "refused", refusal: missing } : { type: "ask" });
    if (missing || session.current) return;
    const failed = (error: unknown) => {
      end();
      dispatch({ type: "refused", refusal: refusalOf(error) });
    };
    RecordingSession.begin(() => lengthAt(latest.current, performance.now()), failed)
      .then((begun) => {
        session.current = begun;
        setStream(begun.stream);
        // Pulling out the microphone ends the recording; what was said is kept.
        begun.stream.getAudioTracks()[0]?.addEventListener("ended", end);
        dispatch({ type: "granted", now: performance.now() });
      })
      .catch((error: unknown) => dispatch({ type: "refused", refusal: refusalOf(error) }));
  };
  const pause = () => {
    session.current?.pause();
    dispatch({ type: "pause", now: performance.now() });
  };
  const resume = () => {
    session.current?.resume();
    dispatch({ type: "resume", now: performance.now() });
  };
  return { state, stream, start, pause, resume, stop: end };
}
