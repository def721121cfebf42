import { hasRecordings, removeAllRecordings } from "../../recorder/store";
import { forgetWriting, hasDraft } from "../../write/settings";

/** What is kept in this browser because the box does not have it yet. */
export interface Leftovers {
  draft: boolean;
  recordings: boolean;
}

export async function findLeftovers(): Promise<Leftovers> {
  // A browser that bars its storage keeps no recordings.
  return { draft: hasDraft(), recordings: await hasRecordings().catch(() => false) };
}

/** Removes them, and the choices that were made beside them. */
export async function clearLeftovers(): Promise<void> {
  forgetWriting();
  await removeAllRecordings().catch(() => undefined);
}
