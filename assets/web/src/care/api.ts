import { keepPreviousData } from "@tanstack/react-query";

import { api } from "../api/client";

/** Words of help in a language, with whom to turn to in a country; empty: the one that the box is in. */
export function useCare(language: string, country: string) {
  const query = { language, ...(country ? { country } : {}) };
  return api.useQuery("get", "/api/v1/care", { params: { query } }, { placeholderData: keepPreviousData });
}
