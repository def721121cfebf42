import { useTranslation } from "react-i18next";

import { Page } from "../ui/Page";

export function DreamPage() {
  const { t } = useTranslation();
  return <Page title={t("dreams.one")} />;
}
