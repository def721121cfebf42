/** Shapes that the API document does not name yet. Goes away with the next `npm run api`. */

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
