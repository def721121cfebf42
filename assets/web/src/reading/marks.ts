/** A stretch of the dream's text, and which symbol it belongs to. */
export interface Segment {
  text: string;
  symbol: number | null;
}

interface Span {
  start: number;
  end: number;
  symbol: number;
}

/**
 * Cuts a dream into stretches that belong to a symbol and stretches that do not. A symbol is found by its quote, else by
 * its name, whatever the case; of two that overlap the first keeps its place and the other is looked for elsewhere.
 */
export function segmentDream(dream: string, symbols: readonly { name: string; quote: string }[]): Segment[] {
  const taken: Span[] = [];
  symbols.forEach((symbol, index) => {
    const span = freeSpan(dream, symbol.quote, taken) ?? freeSpan(dream, symbol.name, taken);
    if (span) taken.push({ ...span, symbol: index });
  });
  taken.sort((a, b) => a.start - b.start);
  const segments: Segment[] = [];
  let at = 0;
  for (const { start, end, symbol } of taken) {
    if (start > at) segments.push({ text: dream.slice(at, start), symbol: null });
    segments.push({ text: dream.slice(start, end), symbol });
    at = end;
  }
  if (at < dream.length) segments.push({ text: dream.slice(at), symbol: null });
  return segments;
}

function freeSpan(dream: string, wanted: string, taken: readonly Span[]): { start: number; end: number } | null {
  const pattern = wanted.trim();
  if (pattern === "") return null;
  // A word must not be found inside another one, such as `art` in `heart`.
  const escaped = pattern.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/\s+/g, "\\s+");
  const search = new RegExp(`(?<![\\p{L}\\p{M}\\p{N}])${escaped}(?![\\p{L}\\p{M}\\p{N}])`, "giu");
  for (const match of dream.matchAll(search)) {
    const [start, end] = [match.index, match.index + match[0].length];
    if (taken.every((span) => end <= span.start || start >= span.end)) return { start, end };
  }
  return null;
}
