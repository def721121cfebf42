import { useTranslation } from "react-i18next";

import { thrown } from "../api/problem";
import { FailureNotice } from "../shell/FailureNotice";

interface QueryStateProps {
  query: { error: unknown; data: unknown; refetch: () => Promise<unknown> };
}

/** Of a question to the box: that the answer is coming, or why it is not. */
export function QueryState({ query: { error, data, refetch } }: QueryStateProps) {
  const { t } = useTranslation();
  if (error) return <FailureNotice failure={thrown(error, false)} onRetry={() => void refetch()} />;
  return data === undefined ? <p role="status">{t("account.form.loading")}</p> : null;
}
