import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Identity } from "../../api/client";
import { useFormats } from "../../i18n/format";
import { Button } from "../../ui/Button";
import { Fact, Facts, Verbatim } from "../../ui/Facts";
import { AskDialog } from "../factors/AskDialog";
import { useUnlinkIdentity } from "../factors/api";

interface IdentityRowProps {
  identity: Identity;
  onUnlinked: () => void;
}

/** One account elsewhere: as whom the person is known there, where that is, and the way to unlink it. */
export function IdentityRow({ identity, onUnlinked }: IdentityRowProps) {
  const { t } = useTranslation();
  const { date, dateTime } = useFormats();
  const { id, label, issuer, created_at, last_used_at } = identity;
  const name = label ?? issuer;
  const unlink = useUnlinkIdentity(id);
  const [asking, setAsking] = useState(false);
  const unlinked = () => {
    setAsking(false);
    onUnlinked();
  };
  return (
    <li className="flex flex-col gap-2 py-4 first:pt-0 last:pb-0">
      <h3 className="font-semibold break-words">
        <bdi translate="no">{name}</bdi>
      </h3>
      <Facts>
        <Fact name={t("factors.identities.issuer")}>
          <Verbatim>{issuer}</Verbatim>
        </Fact>
        <Fact name={t("factors.identities.linkedSince")}>{date(created_at)}</Fact>
        <Fact name={t("factors.lastUsed")}>{last_used_at ? dateTime(last_used_at) : t("factors.unused")}</Fact>
      </Facts>
      <p>
        <Button kind="danger" aria-label={t("factors.identities.unlinkNamed", { name })} onClick={() => setAsking(true)}>
          {t("factors.identities.unlink")}
        </Button>
      </p>
      <AskDialog
        open={asking}
        title={t("factors.identities.unlinkTitle", { name })}
        action={t("factors.identities.unlink")}
        kind="danger"
        call={unlink}
        words={{ 409: t("factors.identities.only") }}
        onClose={() => setAsking(false)}
        onDone={unlinked}
      >
        <p>{t("factors.identities.unlinkText")}</p>
      </AskDialog>
    </li>
  );
}
