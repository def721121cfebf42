import { useTranslation } from "react-i18next";

import { TrustLink } from "../trust/TrustLink";
import { Dialog } from "../ui/Dialog";
import { SettingsChoices } from "./SettingsChoices";

export function SettingsDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Dialog open={open} onClose={onClose} title={t("shell.settings.title")}>
      <SettingsChoices />
      <p className="border-t border-line pt-3">
        <TrustLink onClick={onClose} />
      </p>
    </Dialog>
  );
}
