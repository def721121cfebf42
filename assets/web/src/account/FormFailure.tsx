import { useTranslation } from "react-i18next";

import type { Failure } from "../api/problem";
import { FailureNotice } from "../shell/FailureNotice";
import { Notice } from "../ui/Notice";
import { waitOf } from "./wait";

interface FormFailureProps {
  failure: Failure | null;
  /** What this form says of a problem, by its type or its status. */
  words?: Readonly<Record<string, string>>;
  /** Fields that say themselves what is wrong with them. */
  fields?: readonly string[];
}

/** Why a form was not accepted, in a sentence. */
export function FormFailure({ failure, words = {}, fields = [] }: FormFailureProps) {
  const { t } = useTranslation();
  if (!failure) return null;
  const { problem, retryAfter } = failure;
  const own = problem && (words[problem.type] ?? words[problem.status]);
  if (own) return <Told>{own}</Told>;
  if (problem?.status === 429 && retryAfter !== undefined) {
    const { unit, count } = waitOf(retryAfter);
    return <Told>{t(`account.wait.${unit}`, { count })}</Told>;
  }
  const errors = problem?.errors ?? [];
  if (errors.length > 0 && errors.every(({ field }) => fields.includes(field))) return <Told>{t("account.form.marked")}</Told>;
  return <FailureNotice failure={failure} />;
}

function Told({ children }: { children: string }) {
  return (
    <Notice tone="danger" live>
      {children}
    </Notice>
  );
}
