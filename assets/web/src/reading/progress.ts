import type { CareMessage, Dream, Interpretation, Mood, Problem, SimilarDream, Tradition, WaitingEvent } from "../api/client";
import type { ServerEvent } from "../api/events";
import type { Failure } from "../api/problem";

/** Something in the dream, as far as it has been written of; what the dictionary says of it comes with the whole reading. */
export interface ReadingSymbol {
  name: string;
  quote: string;
  meaning: string;
  id?: string | null;
  tradition?: Tradition | null;
}

/** What a reading says, complete or still being written. */
export interface ReadingText {
  title: string;
  summary: string;
  mood: Mood | null;
  symbols: ReadingSymbol[];
  emotions: { name: string; intensity: number }[];
  archetypes: string[];
  interpretation: string;
  advice: string;
  questions: string[];
}

/** Where a reading stands, from the request to its last word. */
export interface ReadingProgress {
  /** `waiting`: the box has the request, or will be asked again; `writing`: words are coming. */
  phase: "idle" | "sending" | "waiting" | "writing" | "done" | "failed";
  /** The text that was sent; `null` when a kept dream is read again. */
  sent: string | null;
  /** Once it is here, the dream is kept. */
  dream: Dream | null;
  /** Words of help, where the text says that somebody awake may need it. */
  care: CareMessage | null;
  /** `null` until they have been looked for. */
  similar: SimilarDream[] | null;
  /** The box takes nothing now, being full or not ready, and will be asked again. */
  refused: boolean;
  /** Why nothing comes yet, once the box has the request. */
  waiting: WaitingEvent | null;
  text: ReadingText;
  /** The finished reading, with its colophon. */
  reading: Interpretation | null;
  failure: Failure | null;
}

const EMPTY: ReadingText = {
  title: "",
  summary: "",
  mood: null,
  symbols: [],
  emotions: [],
  archetypes: [],
  interpretation: "",
  advice: "",
  questions: [],
};

export const IDLE: ReadingProgress = {
  phase: "idle",
  sent: null,
  dream: null,
  care: null,
  similar: null,
  refused: false,
  waiting: null,
  text: EMPTY,
  reading: null,
  failure: null,
};

export type ReadingAction =
  | { type: "begin"; request: { dream: Dream } | { text: string } }
  | { type: "not-ready"; care?: CareMessage | null | undefined }
  | { type: "event"; event: ServerEvent }
  | { type: "fail"; failure: Failure }
  | { type: "reset" };

export function advance(progress: ReadingProgress, action: ReadingAction): ReadingProgress {
  switch (action.type) {
    case "begin":
      return "dream" in action.request
        ? { ...IDLE, phase: "sending", dream: action.request.dream }
        : { ...IDLE, phase: "sending", sent: action.request.text };
    case "not-ready":
      return { ...withCare(progress, action.care), phase: "waiting", refused: true, waiting: null };
    case "event":
      return take({ ...progress, refused: false }, action.event);
    case "fail":
      return { ...withCare(progress, action.failure.problem?.care), phase: "failed", failure: action.failure };
    case "reset":
      return IDLE;
  }
}

/** Words of help come with an event or a problem; the same ones again are nothing new to whoever put them away. */
const withCare = (progress: ReadingProgress, care: CareMessage | null | undefined): ReadingProgress =>
  care && care.title !== progress.care?.title ? { ...progress, care } : progress;

interface Delta {
  field: string;
  text: string;
}

function take(progress: ReadingProgress, { name, data }: ServerEvent): ReadingProgress {
  switch (name) {
    case "dream":
      return { ...progress, phase: "waiting", dream: data as Dream };
    case "care":
      return withCare(progress, data as CareMessage);
    case "similar":
      return { ...progress, similar: data as SimilarDream[] };
    case "waiting":
      return { ...progress, phase: "waiting", waiting: data as WaitingEvent };
    case "delta":
      return write(progress, data as Delta);
    case "interpretation": {
      const reading = data as Interpretation;
      return { ...progress, phase: "done", reading, text: reading };
    }
    case "error": {
      const problem = data as Problem;
      return { ...withCare(progress, problem.care), phase: "failed", failure: { kind: "problem", problem } };
    }
    case "done":
      // Some boxes answer with words of help alone.
      return progress.care && progress.phase === "waiting" ? { ...progress, phase: "done" } : progress;
    default:
      return progress;
  }
}

function write(progress: ReadingProgress, delta: Delta): ReadingProgress {
  return { ...progress, phase: "writing", waiting: null, text: withDelta(progress.text, delta) };
}

const atIndex = <Item>(list: Item[], index: number, empty: Item, change: (item: Item) => Item): Item[] => {
  const longer = Array.from({ length: Math.max(list.length, index + 1) }, (_, place) => list[place] ?? empty);
  return longer.map((item, place) => (place === index ? change(item) : item));
};

/** More text of a field such as `title` or `symbols.0.meaning`. A field that the page does not know is left out. */
export function withDelta(text: ReadingText, { field, text: more }: Delta): ReadingText {
  const [name, place, part] = field.split(".");
  const index = Number(place);
  switch (name) {
    case "title":
    case "summary":
    case "interpretation":
    case "advice":
      return { ...text, [name]: text[name] + more };
    case "mood":
      return { ...text, mood: more as Mood };
    case "archetypes":
    case "questions":
      return { ...text, [name]: atIndex(text[name], index, "", (item) => item + more) };
    case "symbols":
      if (part !== "name" && part !== "quote" && part !== "meaning") return text;
      return {
        ...text,
        symbols: atIndex(text.symbols, index, { name: "", quote: "", meaning: "" }, (item) => ({
          ...item,
          [part]: item[part] + more,
        })),
      };
    case "emotions": {
      const change = part === "name" ? { name: more } : { intensity: Number(more) };
      return { ...text, emotions: atIndex(text.emotions, index, { name: "", intensity: 0 }, (item) => ({ ...item, ...change })) };
    }
    default:
      return text;
  }
}
