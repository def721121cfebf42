import { openDB } from "idb";
import type { DBSchema } from "idb";

/** A recording that is kept in this browser. */
export interface KeptRecording {
  id: string;
  /** Milliseconds since 1970. */
  startedAt: number;
  /** When its last piece came; a young one belongs to a recorder that is at work, perhaps in another tab. */
  touchedAt: number;
  milliseconds: number;
  mimeType: string;
  finished: boolean;
}

interface Shape extends DBSchema {
  recordings: { key: string; value: KeptRecording };
  chunks: { key: number; value: { recording: string; bytes: Blob }; indexes: { recording: string } };
}

/** A recorder touches its recording every second; after this long without it, it is gone. */
const ABANDONED_AFTER = 5_000;

let opened: ReturnType<typeof open> | null = null;

function open() {
  return openDB<Shape>("oneiros", 1, {
    upgrade(database) {
      database.createObjectStore("recordings", { keyPath: "id" });
      database.createObjectStore("chunks", { autoIncrement: true }).createIndex("recording", "recording");
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

export async function beginRecording(mimeType: string): Promise<KeptRecording> {
  const now = Date.now();
  const recording = { id: crypto.randomUUID(), startedAt: now, touchedAt: now, milliseconds: 0, mimeType, finished: false };
  await (await database()).add("recordings", recording);
  return recording;
}

/** Keeps one more piece: written before the next one comes, so that a crash loses a second at most. */
export async function appendChunk(id: string, bytes: Blob, milliseconds: number): Promise<void> {
  const transaction = (await database()).transaction(["recordings", "chunks"], "readwrite");
  const recordings = transaction.objectStore("recordings");
  const recording = await recordings.get(id);
  if (recording) {
    await recordings.put({ ...recording, milliseconds, touchedAt: Date.now() });
    await transaction.objectStore("chunks").add({ recording: id, bytes });
  }
  await transaction.done;
}

export async function finishRecording(id: string, milliseconds: number): Promise<void> {
  const transaction = (await database()).transaction("recordings", "readwrite");
  const recording = await transaction.store.get(id);
  if (recording) await transaction.store.put({ ...recording, milliseconds, finished: true });
  await transaction.done;
}

/** The recordings that wait, newest first; one that another tab is making is left out. */
export async function keptRecordings(now = Date.now()): Promise<KeptRecording[]> {
  const all = await (await database()).getAll("recordings");
  const waiting = all.filter((recording) => recording.finished || now - recording.touchedAt > ABANDONED_AFTER);
  return waiting.sort((a, b) => b.startedAt - a.startedAt);
}

export async function recordingBytes({ id, mimeType }: KeptRecording): Promise<Blob> {
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
