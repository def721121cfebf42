import { useTranslation } from "react-i18next";

import { Notice } from "../../ui/Notice";
import { useProviderAnswer } from "../useProviderAnswer";
import { useProviderName } from "../useProviderName";

const answers = ["linked", "taken", "failed"] as const;

/** What came of linking the account with one elsewhere. */
export function LinkNotice() {
  const { t } = useTranslation();
  const answer = useProviderAnswer(answers);
  const provider = useProviderName();
  if (!answer) return null;
  return (
    <Notice tone={answer === "linked" ? "calm" : "danger"} live>
      {t(`factors.identities.answer.${answer}`, { provider })}
    </Notice>
  );
}
