import { useTranslation } from "react-i18next";

import { Page } from "../ui/Page";

export function StatusPage() {
  const { t } = useTranslation();
  return <Page title={t("status.title")} />;
}
