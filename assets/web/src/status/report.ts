import { api } from "../api/client";
import type { Schemas } from "../api/client";

export type Report = Schemas["SystemReport"];
export type Engine = Schemas["EngineStatus"];
export type Confinement = Schemas["ConfinementReport"];
export type Job = Schemas["JobStatus"];
export type Model = Schemas["ModelInfo"];

/** How soon the box is asked again, in milliseconds. A hidden page asks nothing. */
const WHILE_MOVING = 2_000;
const AT_REST = 10_000;

const unfinished = (job: Job) => job.state === "queued" || job.state === "running";
const beingPulled = (model: Model) => model.pull != null && model.pull.stage !== "failed";

function isMoving(report: Report): boolean {
  return (
    report.engines.some((engine) => engine.state === "starting" || engine.state === "restarting") ||
    report.tasks.some((task) => !task.ready) ||
    report.jobs.some(unfinished) ||
    report.pulls.length > 0 ||
    !report.database.available
  );
}

/** The system report, fresh for as long as somebody looks. */
export function useReport() {
  return api.useQuery(
    "get",
    "/api/v1/system",
    {},
    {
      refetchInterval: (query) =>
        query.state.error !== null || !query.state.data || isMoving(query.state.data) ? WHILE_MOVING : AT_REST,
      retry: false,
    },
  );
}

/** The catalogue and what of it is here. */
export function useModels() {
  return api.useQuery(
    "get",
    "/api/v1/models",
    {},
    {
      refetchInterval: (query) =>
        query.state.error !== null || query.state.data?.models.some(beingPulled) ? WHILE_MOVING : AT_REST,
      retry: false,
    },
  );
}

/** Whether nothing can leave: every engine is shut in, or one is not, or it is not known yet. */
export type Promise = "kept" | "broken" | "checking";

export function promiseOf(report: Report): Promise {
  if (!report.sandboxed) return "broken";
  const known = report.engines.filter((engine) => engine.confinement != null);
  return known.length > 0 ? "kept" : "checking";
}

/** What must be enforced on every engine, then what newer kernels add. */
export const measures = ["seccomp", "landlock_files", "no_new_privileges", "landlock_network", "landlock_scopes"] as const;

export function isConfined(report: Confinement): boolean {
  return report.no_new_privileges && report.seccomp && report.landlock_files;
}
