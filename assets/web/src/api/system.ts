import { api } from "./client";
import type { Limits, SystemReport } from "./client";

/** What the box takes unless its operator said otherwise: for a page that has never reached it. */
const DEFAULT_LIMITS: Limits = {
  recording_minutes: 60,
  recording_bytes: 256 * 1024 * 1024,
  dream_min_characters: 20,
  dream_max_characters: 4000,
};

/** Whether everything that a reading needs is there. */
export function isReady(report: SystemReport): boolean {
  return report.database.available && report.tasks.some((task) => task.task === "interpretation" && task.ready);
}

/**
 * The system report; asked for often while the box is coming up or this device is offline, rarely otherwise. A request that
 * was on its way when the network went may still be answered: only the next one tells.
 */
export function useSystem() {
  return api.useQuery(
    "get",
    "/api/v1/system",
    {},
    {
      refetchInterval: (query) => (query.state.data && isReady(query.state.data) && navigator.onLine ? 30_000 : 2_000),
      retry: false,
    },
  );
}

/** What the box takes; its own figures once it has told them. */
export function useLimits(): Limits {
  const report: { limits?: Limits } | undefined = useSystem().data;
  return report?.limits ?? DEFAULT_LIMITS;
}
