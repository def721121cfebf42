import type { News } from "./news";
import { listen } from "./stream";

/** Of the lock that one tab holds, and of the channel by which it passes on what it hears. */
const NAME = "oneiros-events";
/** Whoever gets the lock later than this got it from another tab, and may have missed something between, in milliseconds. */
const PROMPT = 1_000;

/**
 * Hears what the box tells, until the answer is called. A browser has one stream for all its tabs: without HTTP/2 it has
 * six connections to a box, and each stream keeps one.
 */
export function follow(hear: (news: News) => void): () => void {
  // A page that came over no secure connection has no locks: it goes on asking.
  const locks = navigator.locks as LockManager | undefined;
  if (!locks) return () => undefined;
  const stop = new AbortController();
  const tabs = new BroadcastChannel(NAME);
  tabs.addEventListener("message", ({ data }: MessageEvent<News>) => hear(data));
  const tell = (news: News) => {
    tabs.postMessage(news);
    hear(news);
  };
  const begun = performance.now();
  const lead = () => listen(tell, performance.now() - begun > PROMPT, stop.signal);
  locks.request(NAME, { signal: stop.signal }, lead).catch((error: unknown) => {
    if (!stop.signal.aborted) console.warn("The page hears no news from the box:", error);
  });
  return () => {
    stop.abort();
    tabs.close();
  };
}
