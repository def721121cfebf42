import { useTranslation } from "react-i18next";

import { Page } from "../../ui/Page";
import { AdminsOnly } from "../AdminsOnly";
import { InvitationsSection } from "./InvitationsSection";
import { SettingsSection } from "./SettingsSection";
import { UsersSection } from "./UsersSection";

/** Who has an account on this box, who may get one, and on what terms. */
export function PeoplePage() {
  const { t } = useTranslation();
  return (
    <Page title={t("people.title")} wide>
      <AdminsOnly>
        <UsersSection />
        <InvitationsSection />
        <SettingsSection />
      </AdminsOnly>
    </Page>
  );
}
