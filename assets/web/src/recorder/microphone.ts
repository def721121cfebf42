import type { Refusal } from "./machine";

/** What browsers can make, best first. */
const CONTAINERS = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4", "audio/webm"];
/** Plenty for a voice; an hour is 14 MB. */
const BITS_PER_SECOND = 32_000;

/** What this browser lacks for recording, if anything. */
export function missingForRecording(): Refusal | null {
  if (!isSecureContext) return "insecure";
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  return devices?.getUserMedia && typeof MediaRecorder !== "undefined" ? null : "unsupported";
}

export function refusalOf(error: unknown): Refusal {
  switch (error instanceof Error ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return "denied";
    case "NotFoundError":
    case "OverconstrainedError":
      return "absent";
    case "NotReadableError":
    case "AbortError":
      return "taken";
    case "QuotaExceededError":
    case "InvalidStateError":
    case "UnknownError":
      return "storage";
    default:
      return "unsupported";
  }
}

export const openMicrophone = () =>
  navigator.mediaDevices.getUserMedia({
    audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  });

export function makeRecorder(stream: MediaStream): MediaRecorder {
  const mimeType = CONTAINERS.find((type) => MediaRecorder.isTypeSupported(type));
  return new MediaRecorder(stream, { audioBitsPerSecond: BITS_PER_SECOND, ...(mimeType ? { mimeType } : {}) });
}
