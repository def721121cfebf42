import { useTranslation } from "react-i18next";

import { useFormats } from "../i18n/format";
import { Notice } from "../ui/Notice";
import { Page } from "../ui/Page";
import { EgressSection } from "./EgressSection";
import { EnginesSection } from "./EnginesSection";
import { JobsSection } from "./JobsSection";
import { MachineSection } from "./MachineSection";
import { ModelsSection } from "./ModelsSection";
import { PromiseNotice } from "./PromiseNotice";
import { TasksSection } from "./TasksSection";
import { useReport } from "./report";

/** What runs on this box, what is enforced, and what has left it. */
export function StatusPage() {
  const { t } = useTranslation();
  const formats = useFormats();
  const { data: report, isError, dataUpdatedAt } = useReport();
  return (
    <Page title={t("status.title")} wide>
      {isError && (
        <Notice tone="danger" live>
          {report ? t("status.stale", { time: formats.dateTime(new Date(dataUpdatedAt).toISOString()) }) : t("status.silent")}
        </Notice>
      )}
      {!report && !isError && <p role="status">{t("status.loading")}</p>}
      {report && (
        <>
          <PromiseNotice report={report} />
          <EgressSection report={report} />
          <TasksSection tasks={report.tasks} />
          <EnginesSection engines={report.engines} />
          <JobsSection jobs={report.jobs} />
          <MachineSection report={report} />
        </>
      )}
      <ModelsSection />
    </Page>
  );
}
