import { EventSourceParserStream } from "eventsource-parser/stream";

/** One event of a stream; `data` is the parsed JSON of its payload. */
export interface ServerEvent {
  name: string;
  data: unknown;
}

/** Reads an event stream to its end. Whoever aborts the request ends it with the request's own error. */
export async function* readEvents(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<ServerEvent> {
  const events = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  const reader = events.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield { name: value.event ?? "message", data: JSON.parse(value.data) as unknown };
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}
