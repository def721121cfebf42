/** Speech for the fake microphone, by espeak-ng. */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";

/** Reads a text into a WAV file of 48 kHz, the rate at which Chromium's fake device plays. */
export function speak(text: string, path: string): void {
  const spoken = `${path}.22050`;
  // A little slower than its default, and a voice that Whisper follows well.
  execFileSync("espeak-ng", ["-v", "en-us", "-s", "140", "-w", spoken, text]);
  execFileSync("ffmpeg", ["-loglevel", "error", "-y", "-i", spoken, "-f", "wav", "-ar", "48000", "-ac", "1", path]);
  rmSync(spoken);
}
