import { useTranslation } from "react-i18next";

import { Dialog } from "../../ui/Dialog";
import { useErase } from "../api";
import { ConfirmForm } from "../factors/ConfirmForm";
import { farewell } from "../session/person";

interface EraseDialogProps {
  open: boolean;
  onClose: () => void;
}

/** Says what goes, and asks for the password before it does. */
export function EraseDialog({ open, onClose }: EraseDialogProps) {
  const { t } = useTranslation();
  const erase = useErase();
  const close = () => {
    erase.reset();
    onClose();
  };
  return (
    <Dialog open={open} title={t("account.data.eraseTitle")} onClose={close}>
      <p>{t("account.data.eraseWhat")}</p>
      <ul className="list-disc ps-6">
        <li>{t("account.data.goesDreams")}</li>
        <li>{t("account.data.goesAccount")}</li>
        <li>{t("account.data.goesBrowser")}</li>
      </ul>
      <p className="font-medium">{t("account.data.eraseFinal")}</p>
      <ConfirmForm
        call={erase}
        action={t("account.data.eraseConfirm")}
        working={t("account.data.erasing")}
        kind="danger"
        cancel={t("account.data.keep")}
        words={{ 409: t("account.data.lastAdmin") }}
        onDone={() => void farewell()}
        onCancel={close}
      />
    </Dialog>
  );
}
