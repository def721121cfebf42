const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Characters as people count them: an emoji or a letter with its marks is one. The box counts the same way. */
export function countCharacters(text: string): number {
  return [...segmenter.segment(text.trim())].length;
}
