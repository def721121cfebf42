import { expect, test } from "vitest";

import { dreamNews } from "./news";

test("an event names the dream and what became of it", () => {
  expect(dreamNews('{"dream_id":"0191","change":"read"}')).toEqual({ kind: "dream", id: "0191", change: "read" });
});

test("of an event that a newer box sends, only that something changed is known", () => {
  expect(dreamNews('{"dream_id":"0191","change":"shared"}')).toEqual({ kind: "lost" });
  expect(dreamNews("{}")).toEqual({ kind: "lost" });
});
