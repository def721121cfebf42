import type { QueryClient } from "@tanstack/react-query";

import { SESSION } from "../api/queries";
import type { News } from "./news";

const LIST = ["get", "/api/v1/dreams"];
const ONE = "/api/v1/dreams/{id}";
const SIMILAR = ["get", "/api/v1/dreams/{id}/similar"];

/** Has the pages ask again for what news makes out of date. */
export async function lookAgain(news: News, queries: QueryClient): Promise<void> {
  const ask = (queryKey: readonly unknown[]) => queries.invalidateQueries({ queryKey });
  if (news.kind === "ended") return ask(SESSION);
  if (news.kind === "lost") {
    await Promise.all([LIST, ["get", ONE], SIMILAR].map(ask));
    return;
  }
  // The page that deletes leaves the dream first, and then sees to all this itself.
  if (news.change === "deleted" && queries.isMutating({ mutationKey: ["delete", ONE] }) > 0) return;
  const own = ["get", ONE, { params: { path: { id: news.id } } }];
  await Promise.all(news.change === "read" ? [LIST, own].map(ask) : [LIST, own, SIMILAR].map(ask));
}
