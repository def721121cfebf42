import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { api } from "../api/client";
import type { Dream } from "../api/client";
import { CareCard } from "../care/CareCard";
import { useCareCard } from "../care/useCareCard";
import { ReadingState } from "../reading/ReadingState";
import { ReadingView } from "../reading/ReadingView";
import type { ReadingRun } from "../reading/useReadingRun";
import { Button, buttonClass } from "../ui/Button";
import { Page } from "../ui/Page";

/** A dream that was just told, and its reading as it comes. */
export function ReadingPage({ session, dream }: { session: ReadingRun; dream: Dream }) {
  const { t } = useTranslation();
  const { progress, retry, stop } = session;
  const care = useCareCard(progress.care, dream.id);
  const kept = api.useQuery(
    "get",
    "/api/v1/dreams/{id}",
    { params: { path: { id: dream.id } } },
    { enabled: progress.reading !== null, retry: false },
  );
  const ended = progress.phase === "done" || progress.phase === "failed";
  return (
    <Page title={t("dream.reading.pageTitle")} wide>
      <CareCard {...care} />
      <ReadingView
        dream={dream}
        text={progress.text}
        reading={progress.reading}
        kept={kept.data ?? null}
        similar={progress.similar}
        busy={progress.phase === "writing"}
        state={<ReadingState progress={progress} onRetry={retry} />}
      />
      <div className="flex flex-wrap gap-3 border-t border-line pt-6">
        <Button kind={ended ? "primary" : "quiet"} onClick={stop}>
          {t("dream.reading.another")}
        </Button>
        <Link to="/dreams/$id" params={{ id: dream.id }} className={buttonClass("plain")}>
          {t("dream.reading.permanent")}
        </Link>
      </div>
    </Page>
  );
}
