/** The answer of the provider in an address's query, where it is one that the page knows. */
export function answerIn<Answer extends string>(search: string, known: readonly Answer[]): Answer | null {
  const answer = new URLSearchParams(search).get("provider");
  return known.find((one) => one === answer) ?? null;
}
