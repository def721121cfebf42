import { useTranslation } from "react-i18next";

import { useFormats } from "../i18n/format";
import { Progress } from "../ui/Progress";
import { Fact, Facts, ServerWords, Verbatim } from "../ui/Facts";
import { Section } from "../ui/Section";
import { State } from "../ui/State";
import type { Report } from "./report";

/** Hardware, memory, disk, database and version. */
export function MachineSection({ report }: { report: Report }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const { hardware } = report;
  return (
    <Section title={t("status.machine.title")}>
      <Memory report={report} />
      <Facts>
        <Fact name={t("status.machine.processor")}>
          <Verbatim>{hardware.cpu}</Verbatim> ({t("status.machine.cores", { count: hardware.cores })})
        </Fact>
        <Fact name={t("status.machine.graphics")}>
          {hardware.gpus.length === 0 && t("status.machine.noGraphics")}
          {hardware.gpus.map((gpu) => (
            <span key={gpu.name} className="block">
              <Verbatim>{gpu.name}</Verbatim> {gpu.memory_bytes != null && `(${formats.bytes(gpu.memory_bytes)})`}
            </span>
          ))}
        </Fact>
        {report.disk_free_bytes != null && <Fact name={t("status.machine.disk")}>{formats.bytes(report.disk_free_bytes)}</Fact>}
        <Fact name={t("status.machine.database")}>
          <Database database={report.database} />
        </Fact>
        <Fact name={t("status.machine.version")}>
          <Verbatim>Oneiros {report.version}</Verbatim>
        </Fact>
        <Fact name={t("status.machine.since")}>{formats.dateTime(report.started_at)}</Fact>
      </Facts>
    </Section>
  );
}

function Memory({ report }: { report: Report }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const { memory_bytes: total, memory_available_bytes: available } = report.hardware;
  const used = total - available;
  const engines = report.engines.reduce((bytes, engine) => bytes + (engine.memory_bytes ?? 0), 0);
  return (
    <div className="flex flex-col gap-3">
      <h3 className="font-medium">{t("status.machine.memory")}</h3>
      <Progress label={t("status.machine.memory")} value={total > 0 ? used / total : 0} />
      <p>{t("status.machine.memoryUse", { used: formats.bytes(used), total: formats.bytes(total) })}</p>
      <Facts>
        <Fact name={t("status.machine.ofEngines")}>{formats.bytes(engines)}</Fact>
        <Fact name={t("status.machine.ofServer")}>{formats.bytes(report.server_memory_bytes)}</Fact>
      </Facts>
    </div>
  );
}

function Database({ database }: { database: Report["database"] }) {
  const { t } = useTranslation();
  return (
    <>
      <State tone={database.available ? "good" : "bad"}>
        {database.available ? t("status.machine.databaseAnswers") : t("status.machine.databaseSilent")}
      </State>{" "}
      {database.version && <Verbatim>PostgreSQL {database.version}</Verbatim>}
      {database.pgvector && " · "}
      {database.pgvector && <Verbatim>pgvector {database.pgvector}</Verbatim>}
      <span className="block text-muted">
        {database.private ? t("status.machine.databasePrivate") : t("status.machine.databaseOwn")}
      </span>
      {database.detail && <ServerWords>{database.detail}</ServerWords>}
    </>
  );
}
