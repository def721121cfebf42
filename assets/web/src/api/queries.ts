import { QueryClient } from "@tanstack/react-query";

/** All that the pages have been told by the box. One for the page: requests outside React change it too. */
export const queryClient = new QueryClient({
  // Without a network the box may still answer: it can be this machine.
  defaultOptions: { queries: { staleTime: 5_000, retry: 1, networkMode: "always" }, mutations: { networkMode: "always" } },
});

/** Under this key is who is signed in. */
export const SESSION = ["get", "/api/v1/session"] as const;
