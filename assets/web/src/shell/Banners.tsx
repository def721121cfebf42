import { useEffect } from "react";
import { useTranslation } from "react-i18next";

import { isReady, useSystem } from "../api/system";
import { Notice } from "../ui/Notice";
import { ComingUp } from "./ComingUp";
import { useOnline } from "./useOnline";

/** What every page must say: no network, no answer, a box that is still coming up, and the operator's warnings. */
export function Banners() {
  const { t } = useTranslation();
  const online = useOnline();
  const { data: report, isError, errorUpdateCount, refetch } = useSystem();
  const offline = !online && isError;
  const silent = online && isError && errorUpdateCount > 1;
  // Whether the box can be reached is news as soon as the network comes or goes.
  useEffect(() => void refetch(), [online, refetch]);
  return (
    <div className="px-4 sm:px-8">
      <div className="mx-auto flex max-w-5xl flex-col gap-3">
        <div role="status" className="contents">
          {offline && <Notice title={t("shell.offline.title")}>{t("shell.offline.text")}</Notice>}
          {silent && (
            <Notice tone="warning" title={t("shell.unreachable.title")}>
              {t("shell.unreachable.text")}
            </Notice>
          )}
        </div>
        {!isError && report && !isReady(report) && <ComingUp report={report} />}
        {report?.warnings.map((warning) => (
          <Notice key={warning} tone="warning">
            <p lang="en" dir="auto">
              {warning}
            </p>
          </Notice>
        ))}
      </div>
    </div>
  );
}
