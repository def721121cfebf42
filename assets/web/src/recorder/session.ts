import { makeRecorder, openMicrophone } from "./microphone";
import { appendChunk, beginRecording, finishRecording, holdRecording, removeRecording } from "./store";

/** A piece this often: what a crash can cost. */
const PIECE_MILLISECONDS = 1_000;

/** One recording that is being made: the microphone, the browser's recorder, and the pieces on their way to be kept. */
export class RecordingSession {
  readonly id: string;
  readonly stream: MediaStream;
  private readonly recorder: MediaRecorder;
  private readonly letGo: () => void;
  private writing: Promise<void> = Promise.resolve();

  private constructor(
    id: string,
    letGo: () => void,
    stream: MediaStream,
    recorder: MediaRecorder,
    length: () => number,
    failed: (error: unknown) => void,
  ) {
    this.id = id;
    this.letGo = letGo;
    this.stream = stream;
    this.recorder = recorder;
    recorder.addEventListener("dataavailable", ({ data }) => {
      if (data.size === 0) return;
      this.writing = this.writing.then(() => appendChunk(id, data, length())).catch(failed);
    });
  }

  /** Asks for the microphone and begins. `length` says how much has been recorded; `failed` hears that a piece was not kept. */
  static async begin(length: () => number, failed: (error: unknown) => void): Promise<RecordingSession> {
    const stream = await openMicrophone();
    try {
      const recorder = makeRecorder(stream);
      const id = crypto.randomUUID();
      const letGo = await holdRecording(id);
      await beginRecording(id, recorder.mimeType || "audio/webm");
      const session = new RecordingSession(id, letGo, stream, recorder, length, failed);
      recorder.start(PIECE_MILLISECONDS);
      // So that the browser does not clear it away when its disk fills up; it may say no.
      void navigator.storage.persist().catch(() => false);
      return session;
    } catch (error) {
      for (const track of stream.getTracks()) track.stop();
      throw error;
    }
  }

  /** Tells when the microphone is pulled out, or the browser's recorder gives up. */
  whenGone(gone: () => void): void {
    for (const track of this.stream.getTracks()) track.addEventListener("ended", gone);
    this.recorder.addEventListener("stop", gone);
    if (this.recorder.state === "inactive") gone();
  }

  pause(): void {
    if (this.recorder.state !== "recording") return;
    this.recorder.pause();
    this.flush();
  }

  resume(): void {
    if (this.recorder.state === "paused") this.recorder.resume();
  }

  /** Hands on what has been recorded since the last piece. */
  flush(): void {
    if (this.recorder.state !== "inactive") this.recorder.requestData();
  }

  /** Ends it and lets go of the microphone; the last piece is kept when this returns. */
  async end(length: number): Promise<void> {
    try {
      if (this.recorder.state !== "inactive") {
        const stopped = new Promise((resolve) => this.recorder.addEventListener("stop", resolve, { once: true }));
        this.recorder.stop();
        await stopped;
      }
      for (const track of this.stream.getTracks()) track.stop();
      await this.writing;
      await finishRecording(this.id, length);
    } finally {
      this.letGo();
    }
  }

  /** Ends it and keeps nothing: nobody waits for it any more. */
  async discard(): Promise<void> {
    await this.end(0).catch(() => undefined);
    await removeRecording(this.id);
  }
}
