import { useTranslation } from "react-i18next";

import { useFormats } from "../i18n/format";
import { Progress } from "../ui/Progress";
import { ServerWords } from "../ui/Facts";
import { Section } from "../ui/Section";
import { State } from "../ui/State";
import type { Tone } from "../ui/State";
import type { Job } from "./report";

const tones: Record<Job["state"], Tone> = { queued: "waiting", running: "waiting", done: "good", dead: "bad" };

/** Durable work: what waits, runs or failed for good. */
export function JobsSection({ jobs }: { jobs: readonly Job[] }) {
  const { t } = useTranslation();
  if (jobs.length === 0) return null;
  return (
    <Section title={t("status.jobs.title")}>
      <ul className="flex flex-col gap-5">
        {jobs.map((job) => (
          <li key={job.id} className="flex flex-col gap-2">
            <JobNote job={job} />
          </li>
        ))}
      </ul>
    </Section>
  );
}

function JobNote({ job }: { job: Job }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const name = job.kind.endsWith(".reembed") ? t("status.jobs.reembed") : t("status.jobs.other");
  const share = job.progress_total > 0 ? job.progress_done / job.progress_total : undefined;
  return (
    <>
      <div className="flex flex-wrap items-baseline gap-x-3 gap-y-1">
        <h3 className="font-medium">{name}</h3>
        <State tone={tones[job.state]}>{t(`status.jobs.states.${job.state}`)}</State>
        {job.attempts > 1 && <span className="text-muted">{t("status.jobs.attempts", { count: job.attempts })}</span>}
      </div>
      {job.state === "running" && <Progress label={t("status.jobs.progressOf", { job: name })} value={share} />}
      {share !== undefined && (
        <p className="text-muted">
          {t("status.jobs.progress", { done: formats.number(job.progress_done), total: formats.number(job.progress_total) })}
        </p>
      )}
      {job.last_error && <ServerWords>{job.last_error}</ServerWords>}
      {job.state === "dead" && <p>{t("status.jobs.deadAdvice")}</p>}
    </>
  );
}
