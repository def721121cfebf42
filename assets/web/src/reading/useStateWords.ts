import { useTranslation } from "react-i18next";

import type { ReadingProgress } from "./progress";

/** One sentence on where a reading stands; a screen reader is told when it changes. */
export function useStateWords({ phase, refused, waiting, reading }: ReadingProgress): string {
  const { t } = useTranslation();
  switch (phase) {
    case "idle":
    case "failed":
      return "";
    case "sending":
      return t("dream.wait.sending");
    case "writing":
      return t("dream.wait.writing");
    case "done":
      return reading ? t("dream.wait.done") : t("dream.wait.careAlone");
    case "waiting":
  }
  if (waiting?.for === "queue") return waiting.place ? t("dream.wait.queue", { count: waiting.place }) : t("dream.wait.next");
  if (waiting?.for === "loading") {
    return waiting.detail ? t("dream.wait.loadingPart", { part: waiting.detail }) : t("dream.wait.loading");
  }
  if (waiting?.for === "restart") return t("dream.wait.restart");
  return refused ? t("dream.wait.box") : t("dream.wait.starting");
}
