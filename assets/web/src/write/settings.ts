import { useState } from "react";

import type { LensId } from "../api/client";
import { storage } from "../storage";

/** The lens of whoever has chosen none. */
export const DEFAULT_LENS: LensId = "psychological";

/** In a lens's place: the one that the person mostly chooses, as the box knows. */
export const USUAL = "";

/** A value that outlives the page, in this browser alone. */
function useStored(key: string, start: string): [string, (value: string) => void] {
  const [value, setValue] = useState(() => storage.get(key) ?? start);
  const change = (next: string) => {
    setValue(next);
    if (next === start) storage.remove(key);
    else storage.set(key, next);
  };
  return [value, change];
}

export const useDraft = () => useStored("draft", "");

/** Whether something is written that the box does not have yet. */
export const hasDraft = () => (storage.get("draft") ?? "").trim() !== "";

/** Removes what a person wrote and chose here, so that the next one begins anew. */
export function forgetWriting(): void {
  for (const key of ["draft", "lens", "dream-language"]) storage.remove(key);
}

/** The lens of the next dream, or {@link USUAL}. */
export const useLens = () => useStored("lens", USUAL);

/** The language that is written or spoken, ISO 639-1; empty: the box finds out. */
export const useDreamLanguage = () => useStored("dream-language", "");
