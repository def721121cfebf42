import type { ReactNode } from "react";

const tones = {
  good: "border-good text-good",
  waiting: "border-mark-line text-ink",
  bad: "border-danger text-danger",
  calm: "border-line text-muted",
};

export type Tone = keyof typeof tones;

/** A state in a word or two. The word says it all; the colour only helps to find it. */
export function State({ tone, children }: { tone: Tone; children: ReactNode }) {
  return <span className={`inline-block rounded-full border px-3 py-0.5 text-sm font-medium ${tones[tone]}`}>{children}</span>;
}
