import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { api } from "../api/client";
import { isProblem, thrown } from "../api/problem";
import { useFormats } from "../i18n/format";
import { FailureNotice } from "../shell/FailureNotice";
import { Page } from "../ui/Page";
import { DeleteDream } from "./DeleteDream";
import { Readings } from "./Readings";

/** One dream: its readings, its like, and what can be done with it. */
export function DreamPage() {
  const { id } = useParams({ from: "/dreams/$id" });
  // Another dream is another page: its heading gets the focus, its readings begin anew.
  return <KeptDream key={id} id={id} />;
}

function KeptDream({ id }: { id: string }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const navigate = useNavigate();
  const { data, error, refetch } = api.useQuery("get", "/api/v1/dreams/{id}", { params: { path: { id } } }, { retry: false });
  const gone = isProblem(error) && (error.status === 404 || error.status === 422);
  const title = data ? t("dreams.dream.title", { date: formats.date(data.dream.created_at) }) : t("dreams.dream.loading");
  return (
    <Page title={gone ? t("dreams.dream.missingTitle") : title} lead={gone ? t("dreams.dream.missingText") : undefined} wide>
      {error && !gone && <FailureNotice failure={thrown(error, false)} onRetry={() => void refetch()} />}
      {data && !gone && <Readings kept={data} />}
      <footer className="flex flex-wrap items-center justify-between gap-4 border-t border-line pt-6">
        <Link to="/dreams" className="inline-flex min-h-11 items-center gap-2 text-accent underline underline-offset-4">
          {t("dreams.dream.all")}
        </Link>
        {data && !gone && <DeleteDream dream={data.dream} onDeleted={() => navigate({ to: "/dreams" })} />}
      </footer>
    </Page>
  );
}
