/** What a test asks of the server beside the page: its state, and dreams to find there. */
import type { components } from "../../src/api/schema";

import { numbered } from "./texts";

type Schemas = components["schemas"];
export type System = Schemas["SystemReport"];

/** Waits until something holds; says what did not. */
export async function until(holds: () => Promise<boolean>, what: string, withinMs = 30_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > end) {
      throw new Error(`not within ${String(withinMs / 1000)} s: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Numbers of a crowd's dreams: the same text again would be answered without the engine, so no test runner repeats one. */
let asked = process.pid * 1_000;

export class Api {
  constructor(readonly base: string) {}

  async system(): Promise<System> {
    return (await this.json("/api/v1/system")) as System;
  }

  async isReady(): Promise<boolean> {
    return fetch(`${this.base}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    );
  }

  /** The process that holds a model now. */
  async enginePid(model: string): Promise<number> {
    const pid = (await this.system()).engines.find((engine) => engine.model === model)?.pid;
    if (pid === undefined || pid === null) {
      throw new Error(`the engine of ${model} has no process`);
    }
    return pid;
  }

  /** Names of models and licences: the same in every language. */
  async names(): Promise<string[]> {
    const { models } = (await this.json("/api/v1/models")) as Schemas["ModelList"];
    return models.flatMap(({ id, title, licence }) => [title, licence.spdx, id]);
  }

  /** A catalogue entry's name for people. */
  async modelTitle(id: string): Promise<string> {
    const { models } = (await this.json("/api/v1/models")) as Schemas["ModelList"];
    const title = models.find((model) => model.id === id)?.title;
    if (title === undefined) {
      throw new Error(`there is no model ${id}`);
    }
    return title;
  }

  /**
   * So many people who want readings until `leave` is called: whoever has one asks for the next, so that the queue is as
   * long when a slow page comes to it as it was for a fast one.
   */
  async crowd(people: number): Promise<{ refused: number; leave: () => void }> {
    const hangUp = new AbortController();
    const ask = (): Promise<Response> => this.stream(numbered((asked += 1)), hangUp.signal);
    const goOn = async (answer: Response): Promise<void> => {
      while (answer.ok) {
        await answer.text();
        answer = await ask();
      }
    };
    const answers = await Promise.all(Array.from({ length: people }, ask));
    for (const answer of answers) {
      goOn(answer).catch((error: unknown) => {
        if (!hangUp.signal.aborted) {
          throw error;
        }
      });
    }
    return {
      refused: answers.filter((answer) => answer.status === 429).length,
      leave: () => {
        hangUp.abort();
      },
    };
  }

  /** Keeps a dream and hangs up before it is read: it is there to be found. */
  async keep(text: string): Promise<string> {
    const hangUp = new AbortController();
    const answer = await this.stream(text, hangUp.signal);
    const id = await idOfKept(answer);
    hangUp.abort();
    return id;
  }

  /** Reads a dream to its end. A small model may fail at one; three times in a row it may not. */
  async read(text: string): Promise<string> {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const answer = (await this.json("/api/v1/dreams/interpret", { text })) as Schemas["InterpretResponse"];
      if (answer.interpretation != null) {
        return answer.dream.id;
      }
    }
    throw new Error(`no reading in three attempts: ${text}`);
  }

  /** Reads a kept dream through a lens, to its end. */
  async readThrough(id: string, lens: string): Promise<void> {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const answer = (await this.json(`/api/v1/dreams/${id}/interpret`, { lens })) as Schemas["InterpretResponse"];
      if (answer.interpretation != null) {
        return;
      }
    }
    throw new Error(`no reading through ${lens} in three attempts`);
  }

  /** A dream with its readings and what was said of them. */
  async dream(id: string): Promise<Schemas["DreamWithReadings"]> {
    return (await this.json(`/api/v1/dreams/${id}`)) as Schemas["DreamWithReadings"];
  }

  async lenses(): Promise<Schemas["LensView"][]> {
    return (await this.json("/api/v1/lenses")) as Schemas["LensView"][];
  }

  async deleteDreams(): Promise<void> {
    for (;;) {
      const { dreams } = (await this.json("/api/v1/dreams?limit=100")) as Schemas["DreamPage"];
      if (dreams.length === 0) {
        return;
      }
      await Promise.all(dreams.map(({ id }) => fetch(`${this.base}/api/v1/dreams/${id}`, { method: "DELETE" })));
    }
  }

  private stream(text: string, signal: AbortSignal): Promise<Response> {
    return fetch(`${this.base}/api/v1/dreams/interpret`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream" },
      body: JSON.stringify({ text }),
      signal,
    });
  }

  private async json(path: string, body?: unknown): Promise<unknown> {
    const post = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    const answer = await fetch(`${this.base}${path}`, body === undefined ? undefined : post);
    if (!answer.ok) {
      throw new Error(`${path}: ${String(answer.status)} ${await answer.text()}`);
    }
    return answer.json();
  }
}

/** The id in the stream's first event; its vector is there when `similar` has come. */
async function idOfKept(answer: Response): Promise<string> {
  let received = "";
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) {
    received += decoder.decode(chunk, { stream: true });
    const id = /"id":"([0-9a-f-]{36})"/.exec(received)?.[1];
    if (id !== undefined && received.includes("event: similar")) {
      return id;
    }
  }
  throw new Error(`the dream was not kept: ${received}`);
}
