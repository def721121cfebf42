import { afterEach, beforeEach, expect, test, vi } from "vitest";

import type { News } from "./news";
import { listen } from "./stream";

let sources: FakeSource[];

/** A stream that says what the test has it say. */
class FakeSource extends EventTarget {
  closed = false;

  constructor(readonly address: string) {
    super();
    sources.push(this);
  }

  close() {
    this.closed = true;
  }

  say(name: string, data = "{}") {
    this.dispatchEvent(new MessageEvent(name, { data }));
  }
}

let told: News[];
let stop: AbortController;

beforeEach(() => {
  sources = [];
  told = [];
  stop = new AbortController();
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0);
  vi.stubGlobal("EventSource", FakeSource);
});

afterEach(() => {
  stop.abort();
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const begin = (gap = false) => void listen((news) => told.push(news), gap, stop.signal);
const last = () => {
  const source = sources.at(-1);
  if (!source) throw new Error("no stream was opened");
  return source;
};
const passes = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

test("what the box says is told", () => {
  begin();
  last().say("ready");
  last().say("dreams", '{"dream_id":"0191","change":"kept"}');
  last().say("lost");
  expect(told).toEqual([{ kind: "dream", id: "0191", change: "kept" }, { kind: "lost" }]);
});

test("a stream that ends is told at once, opened again, and its gap is told", async () => {
  begin();
  last().say("ready");
  last().say("error");
  await passes(0);
  expect(told).toEqual([{ kind: "ended" }]);
  expect(sources.map(({ closed }) => closed)).toEqual([true]);
  await passes(1_000);
  expect(sources).toHaveLength(2);
  last().say("ready");
  expect(told).toEqual([{ kind: "ended" }, { kind: "lost" }]);
});

test("a tab that took over from another one may have missed something", () => {
  begin(true);
  last().say("ready");
  expect(told).toEqual([{ kind: "lost" }]);
});

test("a box that refuses is asked less and less often", async () => {
  begin();
  for (const wait of [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
    const before = sources.length;
    last().say("error");
    await passes(wait - 1);
    expect(sources).toHaveLength(before);
    await passes(1);
    expect(sources).toHaveLength(before + 1);
  }
  last().say("ready");
  last().say("error");
  const before = sources.length;
  await passes(1_000);
  expect(sources).toHaveLength(before + 1);
});

test("once stopped, it is silent", async () => {
  begin();
  stop.abort();
  expect(last().closed).toBe(true);
  await passes(120_000);
  expect(sources).toHaveLength(1);
  expect(told).toEqual([]);
});
