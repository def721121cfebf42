import { useTranslation } from "react-i18next";

import { Page } from "../ui/Page";

export function WritePage() {
  const { t } = useTranslation();
  return <Page title={t("dream.write.title")} lead={t("dream.write.lead")} />;
}
