import { useTranslation } from "react-i18next";

import type { Schemas } from "../api/client";
import { useFormats } from "../i18n/format";
import { Verbatim } from "../ui/Facts";
import { Section } from "../ui/Section";
import type { Report } from "./report";

type Entry = Schemas["EgressEntry"];

const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);

/** What has left the box since the start: mostly nothing. */
export function EgressSection({ report }: { report: Report }) {
  const { t } = useTranslation();
  const left = sum(report.egress.map((count) => count.requests));
  const refused = sum(report.egress.map((count) => count.refused));
  return (
    <Section title={t("status.egress.title")}>
      <div className="max-w-prose">
        <p className="text-lg font-medium">
          {left === 0 ? t("status.egress.nothing") : t("status.egress.counts", { count: left })}
        </p>
        {refused > 0 && <p>{t("status.egress.refused", { count: refused })}</p>}
        <p className="text-muted">{report.sealed ? t("status.egress.sealed") : t("status.egress.open")}</p>
      </div>
      {report.egress_log.length > 0 && <Log entries={report.egress_log} />}
    </Section>
  );
}

/** Each request with what came of it: no address says more than its host. */
function Log({ entries }: { entries: readonly Entry[] }) {
  const { t } = useTranslation();
  const formats = useFormats();
  return (
    <details>
      <summary className="inline-flex min-h-11 items-center text-accent underline underline-offset-4">
        {t("status.egress.log")}
      </summary>
      <ol className="flex flex-col divide-y divide-line text-sm">
        {entries.map((entry, index) => (
          <li key={`${entry.at} ${entry.destination} ${index}`} className="flex flex-wrap gap-x-4 py-2">
            <time dateTime={entry.at} className="text-muted">
              {formats.dateTime(entry.at)}
            </time>
            <span>{entry.purpose === "models" ? t("status.egress.purposes.models") : t("status.egress.purposes.other")}</span>
            <Verbatim>{`${entry.method} ${entry.destination}`}</Verbatim>
            <Verbatim>{entry.outcome}</Verbatim>
            <span className="text-muted">{t("status.egress.received", { size: formats.bytes(entry.bytes) })}</span>
          </li>
        ))}
      </ol>
    </details>
  );
}
