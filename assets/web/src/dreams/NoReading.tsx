import { useTranslation } from "react-i18next";

import type { Schemas } from "../api/client";
import { StepList } from "../reading/StepList";
import { Button } from "../ui/Button";
import { Notice } from "../ui/Notice";

type Failure = Schemas["InterpretationFailure"];

const words = {
  ungrounded: "ungrounded",
  repetitive: "repetitive",
  "wrong-language": "wrongLanguage",
  incomplete: "incomplete",
  forbidden: "forbidden",
  unsupported: "unsupported",
  copied: "copied",
  "engine-unavailable": "engineUnavailable",
} as const satisfies Record<Failure["reason"], string>;

/** In a reading's place: that there is none, why, and the way to one. */
export function NoReading({ failure, onRead }: { failure: Failure | null; onRead: () => void }) {
  const { t } = useTranslation();
  if (!failure) {
    const read = (
      <Button kind="primary" onClick={onRead}>
        {t("dreams.dream.read")}
      </Button>
    );
    return (
      <Notice title={t("dreams.dream.noReadingTitle")} actions={read}>
        {t("dreams.dream.noReadingText")}
      </Notice>
    );
  }
  const again = (
    <Button kind="primary" onClick={onRead}>
      {t("dreams.dream.again")}
    </Button>
  );
  return (
    <Notice tone="warning" title={t("dreams.dream.failedTitle")} actions={again}>
      <p>{t(`dreams.failure.${words[failure.reason]}`)}</p>
      <p>{t("dreams.dream.failedAdvice")}</p>
      {failure.steps && failure.steps.length > 0 && (
        <details className="text-sm">
          <summary className="min-h-11 py-2 font-medium text-accent underline underline-offset-4">
            {t("dreams.dream.howFar")}
          </summary>
          <div className="py-2">
            <StepList steps={failure.steps} />
          </div>
        </details>
      )}
    </Notice>
  );
}
