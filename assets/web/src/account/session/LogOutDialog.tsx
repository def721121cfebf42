import { useTranslation } from "react-i18next";

import type { Failure } from "../../api/problem";
import { FailureNotice } from "../../shell/FailureNotice";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import type { Leftovers } from "./leftovers";

interface LogOutDialogProps {
  /** What would be lost; absent: nothing is asked. */
  leftovers: Leftovers | null;
  pending: boolean;
  failure: Failure | null;
  onClose: () => void;
  onConfirm: () => void;
}

/** Asks before a draft or a recording goes with the person. */
export function LogOutDialog({ leftovers, pending, failure, onClose, onConfirm }: LogOutDialogProps) {
  const { t } = useTranslation();
  return (
    <Dialog
      open={leftovers !== null}
      title={t("account.logOut.title")}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t("account.logOut.cancel")}</Button>
          <Button kind="danger" aria-disabled={pending} onClick={onConfirm}>
            {pending ? t("account.logOut.working") : t("account.logOut.confirm")}
          </Button>
        </>
      }
    >
      <p>{t("account.logOut.text")}</p>
      <ul className="list-disc ps-6">
        {leftovers?.draft && <li>{t("account.logOut.draft")}</li>}
        {leftovers?.recordings && <li>{t("account.logOut.recordings")}</li>}
      </ul>
      {failure && <FailureNotice failure={failure} />}
    </Dialog>
  );
}
