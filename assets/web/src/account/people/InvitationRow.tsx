import { useTranslation } from "react-i18next";

import type { Invitation } from "../../api/client";
import { useFormats } from "../../i18n/format";
import { Button } from "../../ui/Button";
import { Fact, Facts } from "../../ui/Facts";
import { State } from "../../ui/State";

interface InvitationRowProps {
  invitation: Invitation;
  busy: boolean;
  onWithdraw: () => void;
}

/** One invitation: for what, from whom, until when, and what became of it. */
export function InvitationRow({ invitation, busy, onWithdraw }: InvitationRowProps) {
  const { t } = useTranslation();
  const { dateTime } = useFormats();
  const { role, note, created_by, created_at, expires_at, used_by } = invitation;
  const over = new Date(expires_at) < new Date();
  const name = note ?? dateTime(created_at);
  return (
    <li className="flex flex-col gap-2 py-4 first:pt-0 last:pb-0">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <h3 className="font-semibold break-words">
          <bdi translate={note ? "no" : undefined}>{name}</bdi>
        </h3>
        {used_by != null && <State tone="good">{t("people.invitations.used")}</State>}
        {used_by == null && over && <State tone="bad">{t("people.invitations.over")}</State>}
        {used_by == null && !over && <State tone="waiting">{t("people.invitations.open")}</State>}
      </div>
      <Facts>
        <Fact name={t("people.role")}>{t(`people.roles.${role}`)}</Fact>
        {created_by != null && (
          <Fact name={t("people.invitations.by")}>
            <bdi translate="no">{created_by}</bdi>
          </Fact>
        )}
        {used_by != null && (
          <Fact name={t("people.invitations.usedBy")}>
            <bdi translate="no">{used_by}</bdi>
          </Fact>
        )}
        <Fact name={t("people.invitations.until")}>{dateTime(expires_at)}</Fact>
      </Facts>
      {used_by == null && (
        <p>
          <Button aria-disabled={busy} aria-label={t("people.invitations.withdrawNamed", { name })} onClick={onWithdraw}>
            {t("people.invitations.withdraw")}
          </Button>
        </p>
      )}
    </li>
  );
}
