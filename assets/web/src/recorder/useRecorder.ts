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

/**
 * Records. `onEnded` hears of each recording that has ended, and whether all of it was kept. Leaving the component ends
 * the recording.
 */
export function useRecorder(onEnded: (id: string, whole: boolean) => void): Recorder {
  const [state, dispatch] = useReducer(step, { name: "idle" });
  const [stream, setStream] = useState<MediaStream | null>(null);
  const latest = useRef(state);
  const session = useRef<RecordingSession | null>(null);
  // The browser may ask its user for a while before there is a session.
  const attempt = useRef<{ givenUp: boolean } | null>(null);
  const told = useRef(onEnded);
  useEffect(() => {
    latest.current = state;
    told.current = onEnded;
  });

  const end = useCallback((fault?: unknown) => {
    const ending = session.current;
    if (!ending) return;
    session.current = null;
    const now = performance.now();
    const length = lengthAt(latest.current, now);
    dispatch({ type: "stop", now });
    const ended = (problem: unknown) => {
      dispatch(problem === undefined ? { type: "stopped" } : { type: "refused", refusal: refusalOf(problem) });
      told.current(ending.id, problem === undefined);
    };
    ending.end(length).then(
      () => ended(fault),
      (error: unknown) => ended(fault ?? error),
    );
  }, []);

  useEffect(() => {
    const keepPieces = () => {
      if (document.visibilityState === "hidden") session.current?.flush();
    };
    document.addEventListener("visibilitychange", keepPieces);
    return () => {
      document.removeEventListener("visibilitychange", keepPieces);
      if (attempt.current) attempt.current.givenUp = true;
      end();
    };
  }, [end]);

  const start = () => {
    const free = latest.current.name === "idle" || latest.current.name === "refused";
    if (!free || attempt.current || session.current) return;
    const missing = missingForRecording();
    dispatch(missing ? { type: "refused", refusal: missing } : { type: "ask" });
    if (missing) return;
    const mine = { givenUp: false };
    attempt.current = mine;
    RecordingSession.begin(() => lengthAt(latest.current, performance.now()), end)
      .then(async (begun) => {
        if (mine.givenUp) {
          await begun.discard();
          return;
        }
        session.current = begun;
        setStream(begun.stream);
        // Pulling out the microphone ends the recording; what was said is kept.
        begun.whenGone(() => end());
        dispatch({ type: "granted", now: performance.now() });
      })
      .catch((error: unknown) => dispatch({ type: "refused", refusal: refusalOf(error) }))
      .finally(() => {
        attempt.current = null;
      });
  };
  const pause = () => {
    session.current?.pause();
    dispatch({ type: "pause", now: performance.now() });
  };
  const resume = () => {
    session.current?.resume();
    dispatch({ type: "resume", now: performance.now() });
  };
  return { state, stream, start, pause, resume, stop: useCallback(() => end(), [end]) };
}
