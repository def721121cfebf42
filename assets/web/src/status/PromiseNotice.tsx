import { useTranslation } from "react-i18next";

import { Notice } from "../ui/Notice";
import { promiseOf } from "./report";
import type { Report } from "./report";

/** The one thing to know about this box, and why it may be believed. */
export function PromiseNotice({ report }: { report: Report }) {
  const { t } = useTranslation();
  const promise = promiseOf(report);
  if (promise === "checking") return <Notice tone="warning">{t("status.promise.checking")}</Notice>;
  if (promise === "broken") {
    return (
      <Notice tone="danger" title={t("status.promise.broken")}>
        {t("status.promise.brokenWhy")}
      </Notice>
    );
  }
  return (
    <div className="flex flex-col gap-2">
      <p className="font-dream text-2xl text-balance sm:text-3xl">{t("status.promise.kept")}</p>
      <p className="max-w-prose text-lg text-muted">{t("status.promise.keptWhy")}</p>
    </div>
  );
}
