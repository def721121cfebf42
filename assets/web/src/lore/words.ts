import type { CitedSource, LensView } from "../api/client";

/** What a lens is called in this language, else in English. */
export const lensName = ({ id, names }: LensView, language: string): string => names[language] ?? names.en ?? id;

/** A sentence on a lens in this language, else in English. */
export const lensAbout = ({ about }: LensView, language: string): string => about[language] ?? about.en ?? "";

/** Whether what these sources bear out is told as handed down or as found by research: both together are handed down. */
export function groundOf(sources: readonly { kind: string }[]): CitedSource["kind"] {
  return sources.length > 0 && sources.every(({ kind }) => kind === "science") ? "science" : "tradition";
}
