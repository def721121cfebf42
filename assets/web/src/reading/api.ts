import { useMutation, useMutationState, useQueryClient } from "@tanstack/react-query";

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
 * What a reading is worth to the dreamer. Only what changes is sent, one change after the other, as arrow keys make several in
 * a row; what is not yet taken is shown at once.
 */
export function useOpinion(id: string, lens: LensId, kept: OpinionWords | undefined) {
  const queries = useQueryClient();
  const mutationKey = ["opinion", id, lens];
  const { mutate, error } = useMutation({
    mutationKey,
    scope: { id: `opinion ${id} ${lens}` },
    mutationFn: async (body: Partial<OpinionWords>) => {
      const { error, response } = await client.PUT("/api/v1/dreams/{id}/opinions/{lens}", {
        params: { path: { id, lens } },
        body,
      });
      if (!response.ok) throw new FailedCall(refused(response, error));
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["get", DREAM] }),
  });
  const coming = useMutationState({
    filters: { mutationKey, exact: true, status: "pending" },
    select: ({ state }) => state.variables as Partial<OpinionWords>,
  });
  const { rating = null, chosen = false } = coming.reduce<Partial<OpinionWords>>(
    (said, change) => ({ ...said, ...change }),
    kept ?? {},
  );
  return {
    opinion: { rating, chosen },
    say: (change: Partial<OpinionWords>) => mutate(change),
    failure: error && (error instanceof FailedCall ? error.failure : thrown(error, false)),
  };
}
