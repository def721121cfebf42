import { useState } from "react";

import type { Lens } from "../api/client";
import { storage } from "../storage";

export const lenses = ["psychological", "jungian", "scientific", "islamic", "folk"] as const satisfies readonly Lens[];

function isLens(value: string | null): value is Lens {
  return lenses.some((lens) => lens === value);
}

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

export function useLens(): [Lens, (lens: Lens) => void] {
  const [stored, setStored] = useStored("lens", "psychological");
  return [isLens(stored) ? stored : "psychological", setStored];
}

/** The language that is written or spoken, ISO 639-1; empty: the box finds out. */
export const useDreamLanguage = () => useStored("dream-language", "");
