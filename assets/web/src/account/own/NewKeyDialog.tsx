import { useTranslation } from "react-i18next";
import { useState } from "react";

import type { NewApiKey, Scope } from "../../api/client";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { ShownOnce } from "../../ui/ShownOnce";
import { NewKeyForm } from "./NewKeyForm";

interface NewKeyDialogProps {
  open: boolean;
  scopes: readonly Scope[];
  onClose: () => void;
}

/** Makes a key, then shows it: this once. */
export function NewKeyDialog({ open, scopes, onClose }: NewKeyDialogProps) {
  const { t } = useTranslation();
  const [made, setMade] = useState<NewApiKey | null>(null);
  const close = () => {
    setMade(null);
    onClose();
  };
  return (
    <Dialog
      open={open}
      title={made ? t("account.keys.madeTitle") : t("account.keys.new")}
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
        <ShownOnce label={t("account.keys.madeLabel", { name: made.name })} value={made.key} hint={t("account.keys.madeHint")} />
      ) : (
        <NewKeyForm scopes={scopes} onMade={setMade} />
      )}
    </Dialog>
  );
}
