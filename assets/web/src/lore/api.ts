import { keepPreviousData } from "@tanstack/react-query";

import { useCall } from "../account/call";
import { api, client } from "../api/client";
import type { Schemas } from "../api/client";

/** Lenses change when an admin imports a pack: seldom enough, in milliseconds. */
const LENSES_HOLD = 60_000;

/** How soon a box that did not tell is asked again, in milliseconds. */
const ASK_AGAIN = 5_000;

/** Through which eyes a dream can be read here. */
export const useLenses = () =>
  api.useQuery(
    "get",
    "/api/v1/lenses",
    {},
    { staleTime: LENSES_HOLD, refetchInterval: ({ state }) => (state.error ? ASK_AGAIN : false) },
  );

interface SymbolFilter {
  language: string;
  search: string;
  kind: Schemas["SymbolKind"] | null;
}

/** The dictionary, or what of it fits; what was shown stays until the next answer is here. */
export function useSymbols({ language, search, kind }: SymbolFilter) {
  const query = { language, ...(search ? { search } : {}), ...(kind ? { kind } : {}) };
  return api.useQuery("get", "/api/v1/symbols", { params: { query } }, { placeholderData: keepPreviousData });
}

export const useSymbol = (id: string, language: string) =>
  api.useQuery("get", "/api/v1/symbols/{id}", { params: { path: { id }, query: { language } } }, { retry: false });

/** The person's own dreams that hold a symbol. */
export const useSymbolDreams = (id: string) =>
  api.useQuery("get", "/api/v1/symbols/{id}/dreams", { params: { path: { id } } }, { retry: false });

export const usePacks = () => api.useQuery("get", "/api/v1/packs", {});

const CHANGED_BY_PACKS = ["/api/v1/packs", "/api/v1/lenses", "/api/v1/symbols", "/api/v1/symbols/{id}"] as const;

/** Takes the text of a pack. */
export const useImportPack = () =>
  useCall(
    (body: string) =>
      client.POST("/api/v1/packs", { body, headers: { "Content-Type": "application/toml" }, bodySerializer: (text) => text }),
    CHANGED_BY_PACKS,
  );

export const useRemovePack = () =>
  useCall((name: string) => client.DELETE("/api/v1/packs/{name}", { params: { path: { name } } }), CHANGED_BY_PACKS);
