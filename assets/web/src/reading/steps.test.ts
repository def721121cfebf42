import { expect, test } from "vitest";

import type { Step } from "../api/client";
import { duration, groupSteps, knownFact, knownOutcome, knownStep, knownValue, valueKind } from "./steps";

const step = (name: string, milliseconds = 1): Step => ({ name: name as Step["name"], outcome: "done", milliseconds, facts: [] });
const shown = (...names: string[]) =>
  groupSteps(names.map((name) => step(name))).map(({ phase, steps }) => [phase, ...steps.map((one) => one.name)]);

test("steps are cut where the model begins and ends", () => {
  expect(shown("language", "care", "symbols", "memory", "prompt", "generation", "check", "confidence")).toEqual([
    ["before", "language", "care", "symbols", "memory", "prompt"],
    ["model", "generation"],
    ["after", "check", "confidence"],
  ]);
});

test("a second attempt is a second stretch, and nothing changes its place", () => {
  expect(shown("prompt", "generation", "check", "generation", "check")).toEqual([
    ["before", "prompt"],
    ["model", "generation"],
    ["after", "check"],
    ["model", "generation"],
    ["after", "check"],
  ]);
  expect(shown()).toEqual([]);
});

test("a step that the page does not know is shown after the model, without words of its own", () => {
  expect(shown("generation", "moon")).toEqual([
    ["model", "generation"],
    ["after", "moon"],
  ]);
  expect([knownStep("moon"), knownFact("moon"), knownOutcome("moon")]).toEqual([undefined, undefined, undefined]);
  expect([knownStep("check"), knownFact("quotes_kept"), knownOutcome("repaired")]).toEqual(["check", "quotes_kept", "repaired"]);
});

test("values that are words of the box, languages and lenses are told in the page's language, others as they are", () => {
  expect(["detected", "true", "0.93", "river (2)"].map(knownValue)).toEqual(["detected", "true", undefined, undefined]);
  expect(["dream", "lens", "model"].map(valueKind)).toEqual(["language", "lens", "plain"]);
});

test("all steps together took as long as their sum", () => {
  expect(duration([step("language", 3), step("generation", 5_000)])).toBe(5_003);
});
