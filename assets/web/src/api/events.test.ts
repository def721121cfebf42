import { expect, test } from "vitest";

import { readEvents } from "./events";
import type { ServerEvent } from "./events";

function body(...pieces: string[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(encoder.encode(piece));
      controller.close();
    },
  });
}

async function all(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<ServerEvent[]> {
  const events = [];
  for await (const event of readEvents(stream)) events.push(event);
  return events;
}

test("events come whole however the bytes are cut, and comments are passed over", async () => {
  const pieces = ["event: delta\nda", 'ta: {"text":"сон"}\n', "\n: still here\n\nevent: done\ndata: {}\n\n"];
  expect(await all(body(...pieces))).toEqual([
    { name: "delta", data: { text: "сон" } },
    { name: "done", data: {} },
  ]);
});

test("an event that was cut off by a lost connection is not taken for whole", async () => {
  expect(await all(body("event: delta\ndata: {}\n\nevent: interpretation\ndata: {"))).toEqual([{ name: "delta", data: {} }]);
});
