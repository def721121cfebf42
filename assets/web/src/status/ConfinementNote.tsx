import { useTranslation } from "react-i18next";

import { Fact, Facts, Verbatim } from "../ui/Facts";
import { isConfined, measures } from "./report";
import type { Confinement } from "./report";

interface ConfinementNoteProps {
  report: Confinement | undefined;
  pid: number | undefined;
}

/** What the kernel enforces on an engine: in a sentence, and exactly for whoever asks. */
export function ConfinementNote({ report, pid }: ConfinementNoteProps) {
  const { t } = useTranslation();
  if (!report) return <p className="text-muted">{t("status.confinement.unknown")}</p>;
  const confined = isConfined(report);
  return (
    <div className="flex flex-col gap-2">
      <p className={confined ? "" : "font-semibold text-danger"}>
        {confined ? t("status.confinement.holds") : t("status.confinement.fails")}
      </p>
      <details>
        <summary className="inline-flex min-h-11 items-center text-accent underline underline-offset-4">
          {t("status.confinement.details")}
        </summary>
        <div className="flex flex-col gap-4 pt-2">
          <Measures title={t("status.confinement.enforced")} names={measures.filter((name) => report[name])} />
          <Measures title={t("status.confinement.lacking")} names={measures.filter((name) => !report[name])} />
          <Facts>
            <Fact name={t("status.confinement.profile")}>
              <Verbatim>{report.profile}</Verbatim>
            </Fact>
            <Fact name={t("status.confinement.user")}>
              <Verbatim>{report.uid}</Verbatim>
            </Fact>
            <Fact name={t("status.confinement.landlock")}>
              <Verbatim>{report.landlock_abi}</Verbatim>
            </Fact>
            {pid !== undefined && (
              <Fact name={t("status.engines.process")}>
                <Verbatim>{pid}</Verbatim>
              </Fact>
            )}
          </Facts>
        </div>
      </details>
    </div>
  );
}

function Measures({ title, names }: { title: string; names: readonly (typeof measures)[number][] }) {
  const { t } = useTranslation();
  if (names.length === 0) return null;
  return (
    <div>
      <h4 className="font-medium">{title}</h4>
      <ul className="list-disc ps-5">
        {names.map((name) => (
          <li key={name}>{t(`status.confinement.measures.${name}`)}</li>
        ))}
      </ul>
    </div>
  );
}
