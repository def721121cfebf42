import { useTranslation } from "react-i18next";

import { useSystem } from "../api/system";
import { FailureNotice } from "../shell/FailureNotice";
import { Button } from "../ui/Button";
import { Progress } from "../ui/Progress";
import type { ReadingProgress } from "./progress";
import { useStateWords } from "./useStateWords";

interface ReadingStateProps {
  progress: ReadingProgress;
  onRetry: () => void;
  onStop?: () => void;
}

/** Says in words where a reading stands: what it waits for, that it is being written, why it failed and what to do. */
export function ReadingState({ progress, onRetry, onStop }: ReadingStateProps) {
  const { t } = useTranslation();
  const words = useStateWords(progress);
  const { phase, failure, dream } = progress;
  // A box may answer with words of help alone.
  const alone = phase === "done" && progress.reading === null;
  const pulls = useSystem().data?.pulls ?? [];
  const waits = phase === "sending" || phase === "waiting";
  const total = pulls.reduce((sum, pull) => sum + pull.bytes_total, 0);
  const pulled = total > 0 ? pulls.reduce((sum, pull) => sum + pull.bytes_done, 0) / total : undefined;
  return (
    <>
      <div role="status" className={waits || phase === "writing" || alone ? "flex flex-col gap-3" : "sr-only"}>
        <p className="flex items-center gap-3 text-lg">
          {(waits || phase === "writing") && <span className="breathing size-2.5 shrink-0 rounded-full bg-accent" />}
          {words}
        </p>
        {waits && dream && <p className="text-muted">{t("dream.wait.kept")}</p>}
      </div>
      {waits && pulls.length > 0 && <Progress label={t("dream.wait.fetching")} value={pulled} />}
      {(waits || phase === "writing") && onStop && (
        <p>
          <Button onClick={onStop}>{t("dream.wait.stop")}</Button>
        </p>
      )}
      {phase === "failed" && failure && <FailureNotice failure={failure} kept={dream !== null} onRetry={onRetry} />}
    </>
  );
}
