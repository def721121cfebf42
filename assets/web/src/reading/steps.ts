import type { Step } from "../api/client";

/** Before the model is asked, while it writes, and what is done with what it wrote. */
export type Phase = "before" | "model" | "after";

export interface StepGroup {
  phase: Phase;
  steps: Step[];
}

const phases: Readonly<Record<string, Phase>> = {
  language: "before",
  care: "before",
  symbols: "before",
  memory: "before",
  prompt: "before",
  generation: "model",
};

/** The steps in their order, cut where the model begins and ends: a second attempt is a second stretch. */
export function groupSteps(steps: readonly Step[]): StepGroup[] {
  return steps.reduce<StepGroup[]>((groups, step) => {
    const phase = phases[step.name] ?? "after";
    const last = groups.at(-1);
    if (last?.phase === phase) last.steps.push(step);
    else groups.push({ phase, steps: [step] });
    return groups;
  }, []);
}

/** How long all of it took, in milliseconds. */
export const duration = (steps: readonly Step[]): number => steps.reduce((sum, { milliseconds }) => sum + milliseconds, 0);

/** Steps that the page has words for; of a newer box it may hear of others. */
const stepNames = ["language", "care", "symbols", "memory", "prompt", "generation", "check", "confidence", "storage"] as const;
export const knownStep = (name: string) => stepNames.find((known) => known === name);

const outcomes = ["done", "nothing", "skipped", "repaired"] as const;
export const knownOutcome = (outcome: string) => outcomes.find((known) => known === outcome);

const factNames = [
  "dream",
  "answer",
  "how",
  "found",
  "by_likeness",
  "similar",
  "recurring",
  "associations",
  "version",
  "lore",
  "lens",
  "depth",
  "moods",
  "feelings",
  "tokens",
  "shortened",
  "hints",
  "model",
  "attempts",
  "passes",
  "prompt_tokens",
  "generated_tokens",
  "quotes_offered",
  "quotes_kept",
  "removed",
  "reasons",
  "composed",
  "grounding",
  "agreement",
  "completeness",
  "repetition",
  "length",
  "echo",
  "full",
  "chosen",
  "known",
  "sure",
] as const;
export const knownFact = (name: string) => factNames.find((known) => known === name);

const values = ["told", "detected", "short", "full", "true", "false"] as const;
export const knownValue = (value: string) => values.find((known) => known === value);

/** What a fact's value names, where that has words of its own. */
export function valueKind(name: string): "language" | "lens" | "plain" {
  if (name === "dream" || name === "answer") return "language";
  return name === "lens" ? "lens" : "plain";
}
