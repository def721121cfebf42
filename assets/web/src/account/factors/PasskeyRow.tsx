import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Passkey, SecondFactor } from "../../api/client";
import { useFormats } from "../../i18n/format";
import { Button } from "../../ui/Button";
import { Fact, Facts } from "../../ui/Facts";
import { AskDialog } from "./AskDialog";
import { LastFactor } from "./LastFactor";
import { useRemovePasskey } from "./api";

interface PasskeyRowProps {
  passkey: Passkey;
  factor: SecondFactor;
  onRemoved: () => void;
}

/** One passkey: its name, when it was used, and the way to remove it. */
export function PasskeyRow({ passkey, factor, onRemoved }: PasskeyRowProps) {
  const { t } = useTranslation();
  const { date, dateTime } = useFormats();
  const { id, name, created_at, last_used_at } = passkey;
  const remove = useRemovePasskey(id);
  const [asking, setAsking] = useState(false);
  const removed = () => {
    setAsking(false);
    onRemoved();
  };
  return (
    <li className="flex flex-col gap-2 py-4 first:pt-0">
      <h4 className="font-semibold break-words">
        <bdi translate="no">{name}</bdi>
      </h4>
      <Facts>
        <Fact name={t("factors.passkeys.added")}>{date(created_at)}</Fact>
        <Fact name={t("factors.lastUsed")}>{last_used_at ? dateTime(last_used_at) : t("factors.unused")}</Fact>
      </Facts>
      <p>
        <Button kind="danger" aria-label={t("factors.passkeys.removeNamed", { name })} onClick={() => setAsking(true)}>
          {t("factors.remove")}
        </Button>
      </p>
      <AskDialog
        open={asking}
        title={t("factors.passkeys.removeTitle", { name })}
        action={t("factors.remove")}
        kind="danger"
        call={remove}
        onClose={() => setAsking(false)}
        onDone={removed}
      >
        <p>{t("factors.passkeys.removeText")}</p>
        <LastFactor factor={factor} />
      </AskDialog>
    </li>
  );
}
