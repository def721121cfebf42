import { useTranslation } from "react-i18next";

import type { SystemReport } from "../api/client";
import { useFormats } from "../i18n/format";
import { Notice } from "../ui/Notice";
import { Progress } from "../ui/Progress";

/** What the box is still doing before it can read a dream. */
export function ComingUp({ report }: { report: SystemReport }) {
  const { t } = useTranslation();
  const { bytes } = useFormats();
  const broken = report.engines.filter((engine) => engine.state === "failed");
  return (
    <Notice title={<span role="status">{broken.length > 0 ? t("shell.comingUp.failed") : t("shell.comingUp.title")}</span>}>
      {report.pulls.length === 0 && <p>{t("shell.comingUp.loading")}</p>}
      <ul className="flex flex-col gap-3">
        {report.pulls.map((pull) => (
          <li key={pull.id} className="flex flex-col gap-1">
            <span>
              {t("shell.comingUp.pull", { model: pull.id, done: bytes(pull.bytes_done), total: bytes(pull.bytes_total) })}
            </span>
            <Progress label={pull.id} value={pull.bytes_total > 0 ? pull.bytes_done / pull.bytes_total : undefined} />
          </li>
        ))}
      </ul>
      {broken.map((engine) => (
        <p key={engine.kind} lang="en" dir="auto" className="text-sm text-muted">
          {engine.model}: {engine.detail}
        </p>
      ))}
    </Notice>
  );
}
