const units = [
  ["hours", 3_600],
  ["minutes", 60],
  ["seconds", 1],
] as const;

export interface Wait {
  unit: (typeof units)[number][0];
  count: number;
}

/** A time to wait in the largest unit that says it well, rounded up: whoever comes back then is let in. */
export function waitOf(seconds: number): Wait {
  // 90 seconds are said in seconds, 120 in minutes.
  const [unit, length] = units.find(([, size]) => seconds >= 2 * size) ?? ["seconds", 1];
  return { unit, count: Math.max(1, Math.ceil(seconds / length)) };
}
