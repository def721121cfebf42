import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useReducer, useRef } from "react";

import { client } from "../api/client";
import type { Dream, LensId } from "../api/client";
import { readEvents } from "../api/events";
import { refused, thrown } from "../api/problem";
import type { Failure } from "../api/problem";
import { advance, IDLE } from "./progress";
import type { ReadingAction, ReadingProgress } from "./progress";

/** A new dream, or one that is kept and is to be read again. Without a lens the box takes the one that is mostly chosen. */
export type ReadingRequest =
  { text: string; lens: LensId | null; language: string | null } | { dream: Dream; lens: LensId | null };

export interface ReadingRun {
  progress: ReadingProgress;
  start: (request: ReadingRequest) => void;
  /** Asks once more for what was asked last; a dream that is kept is not sent again. */
  retry: () => void;
  /** Stops and forgets; a dream that is kept stays kept. */
  stop: () => void;
}

const pause = (seconds: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });

function send(request: ReadingRequest, signal: AbortSignal) {
  const options = { headers: { Accept: "text/event-stream" }, parseAs: "stream", signal } as const;
  if ("dream" in request) {
    const { dream, lens } = request;
    return client.POST("/api/v1/dreams/{id}/interpret", {
      ...options,
      params: { path: { id: dream.id } },
      body: lens ? { lens } : {},
    });
  }
  const { text, lens, language } = request;
  const body = { text, ...(lens ? { lens } : {}), ...(language ? { language } : {}) };
  return client.POST("/api/v1/dreams/interpret", { ...options, body });
}

/** A box that is starting or full says when to come again; then the page does, without being asked. */
const worthWaiting = ({ problem, retryAfter }: Failure) =>
  retryAfter !== undefined && (problem?.status === 503 || problem?.status === 429);

async function run(request: ReadingRequest, signal: AbortSignal, dispatch: (action: ReadingAction) => void): Promise<void> {
  dispatch({ type: "begin", request });
  for (;;) {
    const { data, error, response } = await send(request, signal);
    if (data) {
      let [cared, ended] = [false, false];
      for await (const event of readEvents(data)) {
        cared ||= event.name === "care";
        ended ||= ["interpretation", "error", ...(cared ? ["done"] : [])].includes(event.name);
        dispatch({ type: "event", event });
      }
      if (!ended) dispatch({ type: "fail", failure: { kind: "broken" } });
      return;
    }
    const failure = refused(response, error);
    if (!worthWaiting(failure)) {
      dispatch({ type: "fail", failure });
      return;
    }
    dispatch({ type: "not-ready", care: failure.problem?.care });
    await pause(Math.min(failure.retryAfter ?? 1, 30), signal);
    signal.throwIfAborted();
  }
}

/** Runs one reading at a time. Leaving the component stops it. */
export function useReadingRun(): ReadingRun {
  const [progress, dispatch] = useReducer(advance, IDLE);
  const queries = useQueryClient();
  const current = useRef<AbortController | null>(null);
  const last = useRef<ReadingRequest | null>(null);
  useEffect(() => () => current.current?.abort(), []);

  const start = (request: ReadingRequest) => {
    current.current?.abort();
    const controller = new AbortController();
    current.current = controller;
    last.current = request;
    let begun = false;
    const tell = (action: ReadingAction) => {
      if (controller.signal.aborted) return;
      begun ||= action.type === "event";
      dispatch(action);
    };
    run(request, controller.signal, tell)
      .catch((error: unknown) => tell({ type: "fail", failure: thrown(error, begun) }))
      .finally(() => void queries.invalidateQueries({ queryKey: ["get", "/api/v1/dreams"] }));
  };

  const retry = () => {
    if (!last.current) return;
    start(progress.dream ? { dream: progress.dream, lens: last.current.lens } : last.current);
  };

  const stop = () => {
    current.current?.abort();
    dispatch({ type: "reset" });
  };

  return { progress, start, retry, stop };
}
