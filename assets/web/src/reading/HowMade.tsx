import { useTranslation } from "react-i18next";

import type { Interpretation } from "../api/client";
import { useFormats } from "../i18n/format";
import { Fact, Facts, Verbatim } from "../ui/Facts";
import { StepList } from "./StepList";
import { duration } from "./steps";

/** For whoever wants to know: each step on the way to a reading, the model, and the version of what it was asked with. */
export function HowMade({ reading }: { reading: Interpretation }) {
  const { t } = useTranslation();
  const { number } = useFormats();
  const steps = reading.steps ?? [];
  return (
    <details className="max-w-prose text-sm">
      <summary className="min-h-11 py-2 font-medium text-accent underline underline-offset-4">{t("dream.made.title")}</summary>
      <div className="flex flex-col gap-4 py-2">
        <Facts>
          <Fact name={t("dream.colophon.model")}>
            <Verbatim>{reading.model}</Verbatim>
          </Fact>
          <Fact name={t("dream.made.prompt")}>
            <Verbatim>{reading.prompt_version}</Verbatim>
          </Fact>
          {steps.length > 0 && (
            <Fact name={t("dream.made.together")}>{t("dream.made.milliseconds", { time: number(duration(steps)) })}</Fact>
          )}
        </Facts>
        {reading.cached && <p>{t("dream.made.cached")}</p>}
        {steps.length > 0 ? <StepList steps={steps} /> : <p>{t("dream.made.unknown")}</p>}
      </div>
    </details>
  );
}
