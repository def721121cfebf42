import { useTranslation } from "react-i18next";

import { Notice } from "../../ui/Notice";
import { useProviderAnswer } from "../useProviderAnswer";
import { useProviderName } from "../useProviderName";

const answers = ["refused", "failed", "unknown", "expired"] as const;

/** Why a log-in elsewhere led back here. */
export function ProviderNotice() {
  const { t } = useTranslation();
  const answer = useProviderAnswer(answers);
  const provider = useProviderName();
  if (!answer) return null;
  return (
    <Notice tone="danger" live>
      {t(`account.logIn.answer.${answer}`, { provider })}
    </Notice>
  );
}
