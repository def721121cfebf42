import { useTranslation } from "react-i18next";

import type { AuditEntry } from "../../api/client";
import { useFormats } from "../../i18n/format";
import { Fact, Facts, Verbatim } from "../../ui/Facts";
import { actionWords, detailLines } from "./actions";

/** One entry: what, when, by whom, about whom, from where. */
export function AuditRow({ entry }: { entry: AuditEntry }) {
  const { t } = useTranslation();
  const { dateTime } = useFormats();
  const { action, actor, subject, address } = entry;
  const words = actionWords(action);
  const details = detailLines(entry.detail);
  return (
    <li className="flex flex-col gap-1 py-3">
      <div className="flex flex-wrap items-baseline justify-between gap-x-4">
        <span className="font-semibold">{words ? t(`audit.actions.${words}`) : <Verbatim>{action}</Verbatim>}</span>
        <time dateTime={entry.at} className="text-sm text-muted">
          {dateTime(entry.at)}
        </time>
      </div>
      <div className="text-sm">
        <Facts>
          {actor && (
            <Fact name={t("audit.by")}>
              <bdi translate="no">{actor.name}</bdi>
            </Fact>
          )}
          {subject && subject.id !== actor?.id && (
            <Fact name={t("audit.about")}>
              <bdi translate="no">{subject.name}</bdi>
            </Fact>
          )}
          {address && (
            <Fact name={t("audit.from")}>
              <Verbatim>{address}</Verbatim>
            </Fact>
          )}
          {details.length > 0 && (
            <Fact name={t("audit.detail")}>
              <Verbatim>{details.join("; ")}</Verbatim>
            </Fact>
          )}
        </Facts>
      </div>
    </li>
  );
}
