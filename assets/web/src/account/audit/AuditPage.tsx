import { useTranslation } from "react-i18next";

import { Page } from "../../ui/Page";
import { AdminsOnly } from "../AdminsOnly";
import { AuditLog } from "./AuditLog";

/** What was done on this box, by whom: never what was dreamt. */
export function AuditPage() {
  const { t } = useTranslation();
  return (
    <Page title={t("audit.title")} lead={t("audit.lead")} wide>
      <AdminsOnly>
        <AuditLog />
      </AdminsOnly>
    </Page>
  );
}
