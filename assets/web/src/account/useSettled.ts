import { useEffect, useState } from "react";

/** How long nothing more must be typed, in milliseconds. */
const REST = 300;

/** A text once its writer has paused: for questions that are not to be asked at every letter. */
export function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text.trim()), REST);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}
