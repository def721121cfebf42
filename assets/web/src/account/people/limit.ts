const ARABIC_INDIC = 0x0660;

/** A limit as it was typed, in Western or Arabic digits: null without one, undefined where it is no number. */
export function readLimit(text: string): number | null | undefined {
  const digits = text.trim().replace(/[\u0660-\u0669]/g, (digit) => String((digit.codePointAt(0) ?? 0) - ARABIC_INDIC));
  if (digits === "") return null;
  return /^\d{1,6}$/.test(digits) && Number(digits) > 0 ? Number(digits) : undefined;
}
