/** Shapes that the API document does not name yet. Goes away with the next `npm run api`. */
import type { paths } from "./schema";

/** Why the first word has not come: sent whenever what it says changes. */
export interface WaitingEvent {
  for: "queue" | "loading" | "restart";
  place?: number | null;
  detail?: string | null;
}

export interface Limits {
  recording_minutes: number;
  recording_bytes: number;
  dream_min_characters: number;
  dream_max_characters: number;
}

type Interpret = paths["/api/v1/dreams/interpret"];
type Transcribe = paths["/api/v1/speech/transcriptions"];
type Hear = Transcribe["post"];

interface ReadAgain {
  post: Omit<Interpret["post"], "parameters" | "requestBody"> & {
    parameters: { query?: never; header?: never; path: { id: string }; cookie?: never };
    requestBody: { content: { "application/json": { lens?: "psychological" | "jungian" | "scientific" | "islamic" | "folk" } } };
  };
}

interface HearByQuery {
  post: Omit<Hear, "parameters"> & { parameters: { query?: { language?: string }; header?: never; path?: never; cookie?: never } };
}

export type AllPaths = Omit<paths, "/api/v1/speech/transcriptions"> & {
  "/api/v1/dreams/{id}/interpret": Omit<Interpret, "post"> & ReadAgain;
  "/api/v1/speech/transcriptions": Omit<Transcribe, "post"> & HearByQuery;
};
