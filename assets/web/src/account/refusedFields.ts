import type { Failure } from "../api/problem";

/** The fields that the box refused, each with its own English words. */
export function refusedFields(failure: Failure | null): ReadonlyMap<string, string> {
  return new Map(failure?.problem?.errors?.map(({ field, message }) => [field, message]));
}

/** The field whose value another account has already: the box names it first. */
export function takenField(failure: Failure | null): string | undefined {
  const problem = failure?.problem;
  return problem?.status === 409 ? /^(\w+): /.exec(problem.detail)?.[1] : undefined;
}
