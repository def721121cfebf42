import { dreamNews } from "./news";
import type { News } from "./news";

const ADDRESS = "/api/v1/events";
/** How long until the stream is opened again: at first, and at most, in milliseconds. */
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 60_000;

/**
 * Tells what the box tells until it is stopped, and opens the stream again whenever it ends. `gap`: news before this may
 * have been missed.
 */
export async function listen(tell: (news: News) => void, gap: boolean, stopped: AbortSignal): Promise<void> {
  let wait = FIRST_WAIT;
  for (;;) {
    const ending = await hearOut(tell, gap, stopped);
    if (ending === "stopped") return;
    tell({ kind: "ended" });
    gap = true;
    wait = ending === "broken" ? FIRST_WAIT : Math.min(2 * wait, LONGEST_WAIT);
    // Not all at once, when a box is back after all have lost it.
    await pause(wait * (1 + Math.random() / 2), stopped);
    if (stopped.aborted) return;
  }
}

/** `stopped`: by the page; `broken`: after it had begun; `refused`: before. */
type Ending = "stopped" | "broken" | "refused";

/** One stream to its end. */
function hearOut(tell: (news: News) => void, gap: boolean, stopped: AbortSignal): Promise<Ending> {
  return new Promise((resolve) => {
    const source = new EventSource(ADDRESS);
    let opened = false;
    const end = () => {
      source.close();
      stopped.removeEventListener("abort", end);
      if (stopped.aborted) resolve("stopped");
      else resolve(opened ? "broken" : "refused");
    };
    source.addEventListener("ready", () => {
      opened = true;
      if (gap) tell({ kind: "lost" });
    });
    source.addEventListener("lost", () => tell({ kind: "lost" }));
    source.addEventListener("dreams", ({ data }: MessageEvent<string>) => tell(dreamNews(data)));
    // It would come again by itself, but not to a box that is full, and soon to one that has ended the session.
    source.addEventListener("error", end);
    stopped.addEventListener("abort", end);
  });
}

function pause(milliseconds: number, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      stopped.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    stopped.addEventListener("abort", end);
  });
}
