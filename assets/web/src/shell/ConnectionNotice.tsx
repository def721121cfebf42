import { useEffect } from "react";
import { useTranslation } from "react-i18next";

import { Notice } from "../ui/Notice";
import { useOnline } from "./useOnline";

interface ConnectionNoticeProps {
  /** How a question that is asked again and again goes. */
  asked: { isError: boolean; errorUpdateCount: number; refetch: () => Promise<unknown> };
}

/** No network, or a box that does not answer. */
export function ConnectionNotice({ asked }: ConnectionNoticeProps) {
  const { t } = useTranslation();
  const online = useOnline();
  const { isError, errorUpdateCount, refetch } = asked;
  const offline = !online && isError;
  const silent = online && isError && errorUpdateCount > 1;
  // Whether the box can be reached is news as soon as the network comes or goes.
  useEffect(() => void refetch(), [online, refetch]);
  return (
    <div role="status" className="contents">
      {offline && <Notice title={t("shell.offline.title")}>{t("shell.offline.text")}</Notice>}
      {silent && (
        <Notice tone="warning" title={t("shell.unreachable.title")}>
          {t("shell.unreachable.text")}
        </Notice>
      )}
    </div>
  );
}
