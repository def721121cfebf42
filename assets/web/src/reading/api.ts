import { useMutation, useQueryClient } from "@tanstack/react-query";

import { FailedCall, useCall } from "../account/call";
import { client } from "../api/client";
import type { LensId, Opinion } from "../api/client";
import { refused, thrown } from "../api/problem";

// What a dreamer says of a dream and its readings; the readings themselves come through `useReadingRun`.

const DREAM = "/api/v1/dreams/{id}";

/** Notes what an image brings to mind. */
export const useAssociate = (id: string) =>
  useCall(
    ({ symbol, note }: { symbol: string; note: string }) =>
      client.PUT("/api/v1/dreams/{id}/associations/{symbol}", { params: { path: { id, symbol } }, body: { note } }),
    [DREAM],
  );

export const useForgetAssociation = (id: string) =>
  useCall(
    (symbol: string) => client.DELETE("/api/v1/dreams/{id}/associations/{symbol}", { params: { path: { id, symbol } } }),
    [DREAM],
  );

/** Asks a model about a reading. */
export const useAsk = (id: string) =>
  useCall(
    (body: { lens: LensId; question: string }) => client.POST("/api/v1/dreams/{id}/dialog", { params: { path: { id } }, body }),
    [DREAM],
  );

export const useForgetDialog = (id: string) =>
  useCall(() => client.DELETE("/api/v1/dreams/{id}/dialog", { params: { path: { id } } }), [DREAM]);

export type OpinionWords = Pick<Opinion, "rating" | "chosen">;

/**
 * What a reading is worth to the dreamer. What was said last is shown at once; several in a row, as arrow keys make them,
 * are sent one after the other.
 */
export function useOpinion(id: string, lens: LensId, kept: OpinionWords | undefined) {
  const queries = useQueryClient();
  const { mutate, variables, isPending, error } = useMutation({
    scope: { id: `opinion ${id} ${lens}` },
    mutationFn: async (body: OpinionWords) => {
      const { error, response } = await client.PUT("/api/v1/dreams/{id}/opinions/{lens}", {
        params: { path: { id, lens } },
        body,
      });
      if (!response.ok) throw new FailedCall(refused(response, error));
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["get", DREAM] }),
  });
  const opinion: OpinionWords = (isPending ? variables : kept) ?? { rating: null, chosen: false };
  return {
    opinion,
    say: (change: Partial<OpinionWords>) => mutate({ rating: opinion.rating, chosen: opinion.chosen, ...change }),
    failure: error && (error instanceof FailedCall ? error.failure : thrown(error, false)),
  };
}
