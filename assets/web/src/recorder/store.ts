import { openDB } from "idb";
import type { DBSchema } from "idb";

/** A recording that is kept in this browser. */
export interface KeptRecording {
  id: string;
  /** Milliseconds since 1970. */
  startedAt: number;
  milliseconds: number;
  mimeType: string;
  finished: boolean;
}

interface Shape extends DBSchema {
  recordings: { key: string; value: KeptRecording };
  chunks: { key: number; value: { recording: string; bytes: Blob }; indexes: { recording: string } };
}

let opened: ReturnType<typeof open> | null = null;

function open() {
  return openDB<Shape>("oneiros", 1, {
    upgrade(database) {
      database.createObjectStore("recordings", { keyPath: "id" });
      database.createObjectStore("chunks", { autoIncrement: true }).createIndex("recording", "recording");
    },
    terminated() {
      opened = null;
    },
  });
}

function database() {
  opened ??= open().catch((error: unknown) => {
    opened = null;
    throw error;
  });
  return opened;
}

/** The lock that a recorder holds while it works on a recording; the browser lets go of it when the tab is gone. */
const lockOf = (id: string) => `oneiros.recording.${id}`;

/** Marks a recording as being made, in every tab, until the returned function is called. */
export function holdRecording(id: string): Promise<() => void> {
  return new Promise((held, failed) => {
    const hold = () => new Promise<void>((letGo) => held(letGo));
    navigator.locks.request(lockOf(id), hold).catch(failed);
  });
}

export async function beginRecording(id: string, mimeType: string): Promise<void> {
  await (await database()).add("recordings", { id, startedAt: Date.now(), milliseconds: 0, mimeType, finished: false });
}

/** Keeps one more piece: written before the next one comes, so that a crash loses a second at most. */
export async function appendChunk(id: string, bytes: Blob, milliseconds: number): Promise<void> {
  const transaction = (await database()).transaction(["recordings", "chunks"], "readwrite");
  const recordings = transaction.objectStore("recordings");
  const recording = whole(await recordings.get(id));
  await recordings.put({ ...recording, milliseconds });
  await transaction.objectStore("chunks").add({ recording: id, bytes });
  await transaction.done;
}

export async function finishRecording(id: string, milliseconds: number): Promise<void> {
  const transaction = (await database()).transaction("recordings", "readwrite");
  const recording = whole(await transaction.store.get(id));
  await transaction.store.put({ ...recording, milliseconds, finished: true });
  await transaction.done;
}

/** The browser may clear its storage away while a recording is made. */
function whole(recording: KeptRecording | undefined): KeptRecording {
  if (!recording) throw new DOMException("the recording is no longer in the browser's storage", "InvalidStateError");
  return recording;
}

/** The recordings that wait, newest first; one that is still being made, here or in another tab, is left out. */
export async function keptRecordings(): Promise<KeptRecording[]> {
  const all = await (await database()).getAll("recordings");
  // There are none where the page came without a secure connection; there, nothing is recorded either.
  const locks = navigator.locks as LockManager | undefined;
  const held = new Set((await locks?.query())?.held?.map(({ name }) => name));
  const waiting = all.filter((recording) => !held.has(lockOf(recording.id)));
  return waiting.sort((a, b) => b.startedAt - a.startedAt);
}

export async function recordingBytes({ id, mimeType }: Pick<KeptRecording, "id" | "mimeType">): Promise<Blob> {
  const chunks = await (await database()).getAllFromIndex("chunks", "recording", id);
  return new Blob(
    chunks.map((chunk) => chunk.bytes),
    { type: mimeType },
  );
}

export async function removeRecording(id: string): Promise<void> {
  const transaction = (await database()).transaction(["recordings", "chunks"], "readwrite");
  await transaction.objectStore("recordings").delete(id);
  const chunks = transaction.objectStore("chunks");
  for (const key of await chunks.index("recording").getAllKeys(id)) await chunks.delete(key);
  await transaction.done;
}

/** Whether there is any recording, also one that is being made. */
export async function hasRecordings(): Promise<boolean> {
  return (await (await database()).count("recordings")) > 0;
}

/** Removes them all. One that is being made comes to its end without being kept. */
export async function removeAllRecordings(): Promise<void> {
  const transaction = (await database()).transaction(["recordings", "chunks"], "readwrite");
  await Promise.all([transaction.objectStore("recordings").clear(), transaction.objectStore("chunks").clear()]);
  await transaction.done;
}
