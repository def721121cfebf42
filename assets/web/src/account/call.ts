import { useMutation, useQueryClient } from "@tanstack/react-query";

import { refused, thrown } from "../api/problem";
import type { Failure } from "../api/problem";
import type { paths } from "../api/schema";

/** A call that came to nothing. */
export class FailedCall extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.problem?.title ?? failure.kind);
    this.failure = failure;
  }
}

export interface Answered<Output> {
  data?: Output;
  error?: unknown;
  response: Response;
}

interface Sent<Input, Output> {
  input: Input;
  then: ((output: Output) => void) | undefined;
}

export interface Call<Input, Output> {
  send: (input: Input, then?: (output: Output) => void) => void;
  pending: boolean;
  done: boolean;
  failure: Failure | null;
  /** Forgets how the last one went. */
  reset: () => void;
}

/**
 * A call that changes something. Unlike the generated hooks, its failure tells when trying again makes sense. `stale`: the
 * addresses whose answers are then out of date.
 */
export function useCall<Input, Output>(
  call: (input: Input) => Promise<Answered<Output>>,
  stale: readonly (keyof paths)[] = [],
): Call<Input, Output> {
  const queries = useQueryClient();
  const mutation = useMutation<Output, Error, Sent<Input, Output>>({
    mutationFn: async ({ input }) => {
      const { data, error, response } = await call(input);
      if (!response.ok) throw new FailedCall(refused(response, error));
      // What answers nothing has the type of nothing.
      return data as Output;
    },
    // Here and not at `mutate`: what was asked may be gone from the page by then.
    onSuccess: (output, { then }) => then?.(output),
    onSettled: () => Promise.all(stale.map((address) => queries.invalidateQueries({ queryKey: ["get", address] }))),
  });
  const { error } = mutation;
  return {
    send: (input, then) => {
      if (!mutation.isPending) mutation.mutate({ input, then });
    },
    pending: mutation.isPending,
    done: mutation.isSuccess,
    failure: error && (error instanceof FailedCall ? error.failure : thrown(error, false)),
    reset: mutation.reset,
  };
}
