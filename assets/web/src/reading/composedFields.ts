/** Whether all was: the model chose and wrote nothing, which a notice says once for all fields. */
export const isWhollyComposed = (composed: readonly string[]): boolean =>
  ["title", "summary", "interpretation"].every((field) => composed.includes(field));

/** Whether a field such as `summary` was composed by the server, from the dictionary. */
export const isComposed = (composed: readonly string[], field: string): boolean => composed.includes(field);

/** Numbers of the symbols of which the server wrote. */
export function composedSymbols(composed: readonly string[]): number[] {
  const numbers = composed.map((field) => /^symbols\.(\d+)(\.meaning)?$/.exec(field)?.[1]);
  return numbers.filter((number) => number !== undefined).map(Number);
}

/** Whether any of the questions was. */
export const hasComposedQuestion = (composed: readonly string[]): boolean =>
  composed.some((field) => field === "questions" || field.startsWith("questions."));
