import { useTranslation } from "react-i18next";

import type { Schemas } from "../api/client";
import { ServerWords, Verbatim } from "../ui/Facts";
import { Section } from "../ui/Section";
import { State } from "../ui/State";

type Task = Schemas["TaskStatus"];

function TaskName({ task }: { task: string }) {
  const { t } = useTranslation();
  switch (task) {
    case "interpretation":
      return t("status.tasks.interpretation");
    case "embedding":
      return t("status.tasks.embedding");
    case "transcription":
      return t("status.tasks.transcription");
    default:
      return <Verbatim>{task}</Verbatim>;
  }
}

/** What a person can do with the box now. */
export function TasksSection({ tasks }: { tasks: readonly Task[] }) {
  const { t } = useTranslation();
  return (
    <Section title={t("status.tasks.title")}>
      <ul className="flex flex-col gap-3">
        {tasks.map((task) => (
          <li key={task.task} className="flex flex-wrap items-baseline gap-x-3 gap-y-1">
            <span className="font-medium">
              <TaskName task={task.task} />
            </span>
            <State tone={task.ready ? "good" : "waiting"}>
              {task.ready ? t("status.tasks.ready") : t("status.tasks.notReady")}
            </State>
            {!task.ready && task.detail && <ServerWords>{task.detail}</ServerWords>}
          </li>
        ))}
      </ul>
    </Section>
  );
}
