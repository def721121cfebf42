import { useState } from "react";
import { useTranslation } from "react-i18next";

import { Button } from "../../ui/Button";
import { Section } from "../../ui/Section";
import { FormFailure } from "../FormFailure";
import { QueryState } from "../QueryState";
import { useInvitations, useWithdraw } from "../api";
import { focusOn } from "../focusOn";
import { InvitationRow } from "./InvitationRow";
import { InviteDialog } from "./InviteDialog";

const HEADING = "people-invitations";

/** Who may make an account. */
export function InvitationsSection() {
  const { t } = useTranslation();
  const invitations = useInvitations();
  const { send, pending, failure } = useWithdraw();
  const [inviting, setInviting] = useState(false);
  return (
    <Section id={HEADING} title={t("people.invitations.title")} intro={t("people.invitations.intro")}>
      <QueryState query={invitations} />
      <FormFailure failure={failure} />
      {invitations.data?.length === 0 && <p>{t("people.invitations.none")}</p>}
      <ul className="flex flex-col divide-y divide-line">
        {invitations.data?.map((invitation) => (
          <InvitationRow
            key={invitation.id}
            invitation={invitation}
            busy={pending}
            onWithdraw={() => send(invitation.id, () => focusOn(HEADING))}
          />
        ))}
      </ul>
      <p>
        <Button onClick={() => setInviting(true)}>{t("people.invitations.new")}</Button>
      </p>
      <InviteDialog open={inviting} onClose={() => setInviting(false)} />
    </Section>
  );
}
