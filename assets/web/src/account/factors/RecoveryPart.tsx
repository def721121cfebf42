import { useState } from "react";
import { useTranslation } from "react-i18next";

import { Button } from "../../ui/Button";
import { CodesDialog } from "./CodesDialog";
import { ConfirmForm } from "./ConfirmForm";
import { Part } from "./Part";
import { useRenewCodes } from "./api";

interface RecoveryPartProps {
  left: number;
  onChanged: () => void;
}

/** How many codes for bad days are left, and the way to new ones. */
export function RecoveryPart({ left, onChanged }: RecoveryPartProps) {
  const { t } = useTranslation();
  const renew = useRenewCodes();
  const [open, setOpen] = useState(false);
  const close = () => {
    renew.reset();
    setOpen(false);
  };
  const done = () => {
    close();
    onChanged();
  };
  return (
    <Part title={t("factors.recovery.title")} intro={t("factors.recovery.intro")}>
      <p className={left > 0 ? "" : "font-medium text-danger"}>
        {left > 0 ? t("factors.recovery.left", { count: left }) : t("factors.recovery.noneLeft")}
      </p>
      <Button onClick={() => setOpen(true)}>{t("factors.recovery.renew")}</Button>
      <CodesDialog open={open} title={t("factors.recovery.renewTitle")} onClose={close} onDone={done}>
        {(finish) => (
          <>
            <p>{t("factors.recovery.renewText")}</p>
            <ConfirmForm
              call={renew}
              action={t("factors.recovery.renewConfirm")}
              onDone={({ codes }) => finish(codes)}
              onCancel={close}
            />
          </>
        )}
      </CodesDialog>
    </Part>
  );
}
