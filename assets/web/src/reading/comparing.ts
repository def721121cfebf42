import type { Interpretation, LensId, Opinion } from "../api/client";

/** As few as can be compared, and as many as have room beside each other at first. */
export const FEWEST = 2;
const AT_FIRST = 3;

type Read = Pick<Interpretation, "lens">;

/** The lens of the reading that fits, else of the newest; `null` without a reading. */
export function firstLens(readings: readonly Read[], opinions: readonly Opinion[]): LensId | null {
  const fits = opinions.find(({ chosen, lens }) => chosen && readings.some((reading) => reading.lens === lens));
  return fits?.lens ?? readings[0]?.lens ?? null;
}

/** What is compared at first: the reading that fits, then the newest. */
export function compareFirst(readings: readonly Read[], opinions: readonly Opinion[]): LensId[] {
  const first = firstLens(readings, opinions);
  const others = readings.map(({ lens }) => lens).filter((lens) => lens !== first);
  return first === null ? [] : [first, ...others].slice(0, AT_FIRST);
}

/** Puts a reading beside the others or takes it away; two stay. */
export function toggled(picked: readonly LensId[], lens: LensId): LensId[] {
  if (!picked.includes(lens)) return [...picked, lens];
  return picked.length > FEWEST ? picked.filter((one) => one !== lens) : [...picked];
}
