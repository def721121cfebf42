import { useTranslation } from "react-i18next";

import { useFormats } from "../i18n/format";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import type { Model } from "./report";

interface RemoveModelDialogProps {
  model: Model;
  open: boolean;
  onClose: () => void;
  onRemove: () => void;
}

/** Asks before a model's space is freed. */
export function RemoveModelDialog({ model, open, onClose, onRemove }: RemoveModelDialogProps) {
  const { t } = useTranslation();
  const formats = useFormats();
  const confirm = () => {
    onClose();
    onRemove();
  };
  return (
    <Dialog
      open={open}
      title={t("status.models.removeTitle", { model: model.title })}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t("status.models.removeCancel")}</Button>
          <Button kind="danger" onClick={confirm}>
            {t("status.models.removeConfirm")}
          </Button>
        </>
      }
    >
      <p>{t("status.models.removeText", { size: formats.bytes(model.bytes ?? 0) })}</p>
    </Dialog>
  );
}
