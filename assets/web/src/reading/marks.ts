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

/** A symbol, as far as finding it goes. */
export interface Sought {
  name: string;
  quote: string;
}

/**
 * Cuts a dream into stretches that belong to a symbol and stretches that do not. A symbol is found by its quote, else by
 * its name, whatever the case. Where all of it lies within an earlier symbol's stretch, that one makes room for the name.
 */
export function segmentDream(dream: string, symbols: readonly Sought[]): Segment[] {
  let taken: Span[] = [];
  symbols.forEach((symbol, index) => {
    const span = freeSpan(dream, symbol.quote, taken) ?? freeSpan(dream, symbol.name, taken);
    taken = span ? [...taken, { ...span, symbol: index }] : makeRoom(dream, symbols, index, taken);
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

/** Scripts that write words without spaces between them. */
const UNSPACED = ["Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar"].map((name) => `\\p{Script=${name}}`).join("");
const BEGINS_UNSPACED = new RegExp(`^[${UNSPACED}]`, "u");
const ENDS_UNSPACED = new RegExp(`[${UNSPACED}]$`, "u");

/** Every place of a passage. A word is not found inside another one, such as `art` in `heart`. */
function places(dream: string, wanted: string): { start: number; end: number }[] {
  const pattern = wanted.trim();
  if (pattern === "") return [];
  const escaped = pattern.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/\s+/g, "\\s+");
  const before = BEGINS_UNSPACED.test(pattern) ? "" : "(?<![\\p{L}\\p{M}\\p{N}])";
  const after = ENDS_UNSPACED.test(pattern) ? "" : "(?![\\p{L}\\p{M}\\p{N}])";
  const search = new RegExp(`${before}${escaped}${after}`, "giu");
  return [...dream.matchAll(search)].map((match) => ({ start: match.index, end: match.index + match[0].length }));
}

function freeSpan(dream: string, wanted: string, taken: readonly Span[]) {
  return places(dream, wanted).find(({ start, end }) => taken.every((span) => end <= span.start || start >= span.end));
}

/** Cuts the name of a symbol out of an earlier stretch that keeps its own name; without such a stretch nothing changes. */
function makeRoom(dream: string, symbols: readonly Sought[], index: number, taken: Span[]): Span[] {
  for (const place of places(dream, symbols[index]?.name ?? "")) {
    const host = taken.find((span) => place.start >= span.start && place.end <= span.end);
    if (!host) continue;
    const sides = [trimmed(dream, host.start, place.start), trimmed(dream, place.end, host.end)];
    const own = places(dream, symbols[host.symbol]?.name ?? "");
    const rest = sides.find((side) => own.some(({ start, end }) => start >= side.start && end <= side.end));
    if (rest) return [...taken.filter((span) => span !== host), { ...rest, symbol: host.symbol }, { ...place, symbol: index }];
  }
  return taken;
}

function trimmed(dream: string, start: number, end: number): { start: number; end: number } {
  const text = dream.slice(start, end);
  return { start: start + text.length - text.trimStart().length, end: end - text.length + text.trimEnd().length };
}
