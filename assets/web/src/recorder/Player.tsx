import { useEffect, useRef } from "react";

import { recordingBytes } from "./store";
import type { KeptRecording } from "./store";

/** The browser's own player. It is the dreamer's own voice, being turned into text: there are no captions yet. */
export function Player({ recording, name }: { recording: KeptRecording; name: string }) {
  const audio = useRef<HTMLAudioElement>(null);
  // Not the object, which is another one each time the list is read: what plays would begin anew.
  const { id, mimeType } = recording;
  useEffect(() => {
    let address: string | null = null;
    let gone = false;
    const show = (bytes: Blob) => {
      if (gone || !audio.current) return;
      address = URL.createObjectURL(bytes);
      audio.current.src = address;
    };
    recordingBytes({ id, mimeType }).then(show, () => undefined);
    return () => {
      gone = true;
      if (address) URL.revokeObjectURL(address);
    };
  }, [id, mimeType]);
  // eslint-disable-next-line jsx-a11y/media-has-caption -- see above
  return <audio ref={audio} controls preload="metadata" aria-label={name} className="w-full" />;
}
