import { useTranslation } from "react-i18next";

import { Dialog } from "../../ui/Dialog";
import { EraseForm } from "./EraseForm";

interface EraseDialogProps {
  open: boolean;
  onClose: () => void;
}

/** Says what goes, and asks for the password before it does. */
export function EraseDialog({ open, onClose }: EraseDialogProps) {
  const { t } = useTranslation();
  return (
    <Dialog open={open} title={t("account.data.eraseTitle")} onClose={onClose}>
      <p>{t("account.data.eraseWhat")}</p>
      <ul className="list-disc ps-6">
        <li>{t("account.data.goesDreams")}</li>
        <li>{t("account.data.goesAccount")}</li>
        <li>{t("account.data.goesBrowser")}</li>
      </ul>
      <p className="font-medium">{t("account.data.eraseFinal")}</p>
      <EraseForm onCancel={onClose} />
    </Dialog>
  );
}
