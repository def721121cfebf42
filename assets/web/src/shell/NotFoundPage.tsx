import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { buttonClass } from "../ui/Button";
import { Page } from "../ui/Page";

export function NotFoundPage() {
  const { t } = useTranslation();
  return (
    <Page title={t("shell.notFound.title")} lead={t("shell.notFound.text")}>
      <p>
        <Link to="/" className={buttonClass("primary")}>
          {t("shell.nav.write")}
        </Link>
      </p>
    </Page>
  );
}
