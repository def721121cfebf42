import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { buttonClass } from "../../ui/Button";
import { Page } from "../../ui/Page";
import { useSession } from "../api";
import { SecondFactorSection } from "../factors/SecondFactorSection";
import { DataSection } from "./DataSection";
import { DevicesSection } from "./DevicesSection";
import { IdentitiesSection } from "./IdentitiesSection";
import { KeysSection } from "./KeysSection";
import { LinkNotice } from "./LinkNotice";
import { ProfileSection } from "./ProfileSection";
import { SecuritySection } from "./SecuritySection";

/** All that a person may know and change about the own account. */
export function AccountPage() {
  const { t } = useTranslation();
  const { data: session } = useSession();
  if (session && !session.account) return <NoAccount />;
  return (
    <Page title={t("account.own.title")} lead={session?.account && <bdi translate="no">{session.account.name}</bdi>} wide>
      <LinkNotice />
      <ProfileSection />
      <SecuritySection />
      <SecondFactorSection />
      {session?.provider && <IdentitiesSection provider={session.provider} />}
      <DevicesSection />
      <KeysSection scopes={session?.scopes ?? []} />
      <DataSection />
    </Page>
  );
}

function NoAccount() {
  const { t } = useTranslation();
  return (
    <Page title={t("account.own.title")} lead={t("account.unclaimed.text")}>
      <p>
        <Link to="/setup" className={buttonClass("primary")}>
          {t("account.unclaimed.action")}
        </Link>
      </p>
    </Page>
  );
}
