import { useTranslation } from "react-i18next";

import { Button } from "../ui/Button";
import { Page } from "../ui/Page";

/** For a fault of the page itself, or a part of it that could not be fetched. */
export function ErrorPage({ error }: { error: unknown }) {
  const { t } = useTranslation();
  return (
    <Page title={t("shell.fault.title")} lead={t("shell.fault.text")}>
      <p lang="en" dir="auto" className="text-sm text-muted">
        {error instanceof Error ? error.message : String(error)}
      </p>
      <p>
        <Button kind="primary" onClick={() => location.reload()}>
          {t("shell.fault.reload")}
        </Button>
      </p>
    </Page>
  );
}
