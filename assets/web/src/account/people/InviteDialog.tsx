import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { OneTimeCode } from "../../api/client";
import { useFormats } from "../../i18n/format";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { InviteForm } from "./InviteForm";
import { ShownAddress } from "./ShownAddress";

/** Makes an invitation, then shows its address: this once. */
export function InviteDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const { dateTime } = useFormats();
  const [made, setMade] = useState<OneTimeCode | null>(null);
  const close = () => {
    setMade(null);
    onClose();
  };
  return (
    <Dialog
      open={open}
      title={made ? t("people.invitations.madeTitle") : t("people.invitations.new")}
      onClose={close}
      actions={
        made && (
          <Button kind="primary" onClick={close}>
            {t("account.form.finish")}
          </Button>
        )
      }
    >
      {made ? (
        <ShownAddress
          label={t("people.invitations.madeLabel")}
          page="/join"
          code={made.code}
          hint={t("people.until", { time: dateTime(made.expires_at) })}
        />
      ) : (
        <InviteForm onMade={setMade} />
      )}
    </Dialog>
  );
}
