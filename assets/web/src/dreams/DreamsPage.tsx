import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { api } from "../api/client";
import { thrown } from "../api/problem";
import { FailureNotice } from "../shell/FailureNotice";
import { Button, buttonClass } from "../ui/Button";
import { Page } from "../ui/Page";
import { DreamRow } from "./DreamRow";

const PAGE_SIZE = 20;

function useDreams() {
  return api.useInfiniteQuery(
    "get",
    "/api/v1/dreams",
    { params: { query: { limit: PAGE_SIZE } } },
    {
      pageParamName: "cursor",
      // Left out of the first request; `undefined` would become 0.
      initialPageParam: null,
      getNextPageParam: (page: { next_cursor?: string | null }) => page.next_cursor,
    },
  );
}

/** All dreams, newest first. */
export function DreamsPage() {
  const { t } = useTranslation();
  const { data, error, refetch, hasNextPage, isFetchingNextPage, fetchNextPage } = useDreams();
  const dreams = data?.pages.flatMap((page) => page.dreams) ?? [];
  return (
    <Page title={t("dreams.list.title")}>
      {error && <FailureNotice failure={thrown(error, false)} onRetry={() => void refetch()} />}
      {!data && !error && <p role="status">{t("dreams.list.loading")}</p>}
      {data && dreams.length === 0 && <NoDreams />}
      {dreams.length > 0 && (
        <>
          <p role="status" className="sr-only">
            {t("dreams.list.shown", { count: dreams.length })}
          </p>
          <ul className="flex flex-col divide-y divide-line">
            {dreams.map((dream) => (
              <DreamRow key={dream.id} dream={dream} />
            ))}
          </ul>
        </>
      )}
      {hasNextPage && (
        <p>
          <Button aria-disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            {isFetchingNextPage ? t("dreams.list.olderComing") : t("dreams.list.older")}
          </Button>
        </p>
      )}
    </Page>
  );
}

function NoDreams() {
  const { t } = useTranslation();
  return (
    <div className="flex flex-col items-start gap-4">
      <p className="text-xl font-medium">{t("dreams.list.emptyTitle")}</p>
      <p className="max-w-prose text-muted">{t("dreams.list.emptyText")}</p>
      <Link to="/" className={buttonClass("primary")}>
        {t("dreams.list.emptyAction")}
      </Link>
    </div>
  );
}
