import { MutationObserver, QueryClient } from "@tanstack/react-query";
import { beforeEach, expect, test } from "vitest";

import { lookAgain } from "./lookAgain";

const dream = (id: string) => ["get", "/api/v1/dreams/{id}", { params: { path: { id } } }];
const KEYS = {
  session: ["get", "/api/v1/session", {}],
  list: ["get", "/api/v1/dreams", { params: { query: { limit: 20 } } }],
  one: dream("1"),
  other: dream("2"),
  similar: ["get", "/api/v1/dreams/{id}/similar", { params: { path: { id: "2" } } }],
};

let queries: QueryClient;

beforeEach(() => {
  queries = new QueryClient();
  for (const key of Object.values(KEYS)) queries.setQueryData(key, {});
});

const outOfDate = () =>
  Object.entries(KEYS)
    .filter(([, key]) => queries.getQueryState(key)?.isInvalidated)
    .map(([name]) => name);

test.each([
  [{ kind: "dream", id: "1", change: "kept" }, ["list", "one", "similar"]],
  [{ kind: "dream", id: "1", change: "read" }, ["list", "one"]],
  [{ kind: "dream", id: "1", change: "deleted" }, ["list", "one", "similar"]],
  [{ kind: "lost" }, ["list", "one", "other", "similar"]],
  [{ kind: "ended" }, ["session"]],
] as const)("%j makes %j out of date", async (news, names) => {
  await lookAgain(news, queries);
  expect(outOfDate()).toEqual(names);
});

test("a page that deletes a dream is not disturbed by hearing of it", async () => {
  const deleting = new MutationObserver(queries, {
    mutationKey: ["delete", "/api/v1/dreams/{id}"],
    mutationFn: () => new Promise(() => undefined),
  });
  void deleting.mutate();
  await lookAgain({ kind: "dream", id: "1", change: "deleted" }, queries);
  expect(outOfDate()).toEqual([]);
});
