import { useState } from "react";
import { useTranslation } from "react-i18next";

import { Button } from "../../ui/Button";
import { Section } from "../../ui/Section";
import { QueryState } from "../QueryState";
import { AskDialog } from "../factors/AskDialog";
import { useIdentities, useLinkIdentity } from "../factors/api";
import { useFocusAfter } from "../useFocusAfter";
import { IdentityRow } from "./IdentityRow";

const HEADING = "account-identities";

/** Accounts elsewhere by which the person can log in here. */
export function IdentitiesSection({ provider }: { provider: string }) {
  const { t } = useTranslation();
  const identities = useIdentities();
  const link = useLinkIdentity();
  const goOn = useFocusAfter(HEADING);
  const [linking, setLinking] = useState(false);
  return (
    <Section id={HEADING} title={t("factors.identities.title", { provider })} intro={t("factors.identities.intro", { provider })}>
      <QueryState query={identities} />
      {identities.data?.length === 0 && <p>{t("factors.identities.none")}</p>}
      <ul className="flex flex-col divide-y divide-line">
        {identities.data?.map((identity) => (
          <IdentityRow key={identity.id} identity={identity} onUnlinked={goOn} />
        ))}
      </ul>
      <p>
        <Button onClick={() => setLinking(true)}>{t("factors.identities.link")}</Button>
      </p>
      <AskDialog
        open={linking}
        title={t("factors.identities.linkTitle", { provider })}
        action={t("factors.next")}
        call={link}
        onClose={() => setLinking(false)}
        onDone={({ address }) => location.assign(address)}
      >
        <p>{t("factors.identities.linkText", { provider })}</p>
      </AskDialog>
    </Section>
  );
}
