import { useTranslation } from "react-i18next";

/** Marks words that stand where nothing of the model's could be shown. */
export function Composed() {
  const { t } = useTranslation();
  return <p className="text-sm text-muted">{t("dream.reading.composed")}</p>;
}
