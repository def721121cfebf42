import { useTranslation } from "react-i18next";

import type { Failure } from "../api/problem";
import { Button } from "../ui/Button";
import { Notice } from "../ui/Notice";
import { failureName } from "./failureName";

interface FailureNoticeProps {
  failure: Failure;
  /** What was asked about is kept on the box. */
  kept?: boolean;
  onRetry?: () => void;
  /** Further things that can be done. */
  actions?: React.ReactNode;
}

/** What went wrong, in the reader's language, and what to do; the box's own words below. */
export function FailureNotice({ failure, kept = false, onRetry, actions }: FailureNoticeProps) {
  const { t } = useTranslation();
  const name = failureName(failure);
  const detail = failure.problem?.detail;
  const buttons = (
    <>
      {onRetry && (
        <Button kind="primary" onClick={onRetry}>
          {t("shell.failure.retry")}
        </Button>
      )}
      {actions}
    </>
  );
  return (
    <Notice tone="danger" title={t(`shell.failure.${name}.title`)} actions={(onRetry ?? actions) ? buttons : undefined} live>
      <p>{t(`shell.failure.${name}.text`)}</p>
      {kept && <p className="font-medium">{t("shell.failure.kept")}</p>}
      {detail && (
        <p lang="en" dir="auto" className="mt-2 text-sm text-muted">
          {detail}
          {failure.problem?.incident && ` (${failure.problem.incident})`}
        </p>
      )}
    </Notice>
  );
}
