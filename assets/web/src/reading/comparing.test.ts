import { expect, test } from "vitest";

import { compareFirst, firstLens, toggled } from "./comparing";

const readings = ["folk", "jungian", "islamic", "scientific"].map((lens) => ({ lens }));
const chosen = (lens: string) => [{ lens, rating: null, chosen: true }];

test("the reading that fits comes first, else the newest", () => {
  expect(firstLens(readings, [])).toBe("folk");
  expect(firstLens(readings, [{ lens: "folk", rating: 5, chosen: false }, ...chosen("islamic")])).toBe("islamic");
  expect(firstLens(readings, chosen("psychological"))).toBe("folk");
  expect(firstLens([], chosen("folk"))).toBeNull();
});

test("three are compared at first", () => {
  expect(compareFirst(readings, chosen("islamic"))).toEqual(["islamic", "folk", "jungian"]);
  expect(compareFirst(readings.slice(0, 2), [])).toEqual(["folk", "jungian"]);
  expect(compareFirst([], [])).toEqual([]);
});

test("a reading comes and goes, but two stay", () => {
  expect(toggled(["folk", "jungian"], "islamic")).toEqual(["folk", "jungian", "islamic"]);
  expect(toggled(["folk", "jungian", "islamic"], "jungian")).toEqual(["folk", "islamic"]);
  expect(toggled(["folk", "jungian"], "jungian")).toEqual(["folk", "jungian"]);
});
