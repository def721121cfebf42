import { useTranslation } from "react-i18next";

import type { ApiKey } from "../../api/client";
import type { Failure } from "../../api/problem";
import { FailureNotice } from "../../shell/FailureNotice";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";

interface RevokeKeyDialogProps {
  /** Absent: nothing is asked. */
  apiKey: ApiKey | null;
  pending: boolean;
  failure: Failure | null;
  onClose: () => void;
  onConfirm: (key: ApiKey) => void;
}

/** Asks before a key ends: what uses it stops working. */
export function RevokeKeyDialog({ apiKey, pending, failure, onClose, onConfirm }: RevokeKeyDialogProps) {
  const { t } = useTranslation();
  return (
    <Dialog
      open={apiKey !== null}
      title={t("account.keys.revokeTitle", { name: apiKey?.name ?? "" })}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t("account.keys.keep")}</Button>
          <Button kind="danger" aria-disabled={pending} onClick={() => apiKey && onConfirm(apiKey)}>
            {t("account.keys.revoke")}
          </Button>
        </>
      }
    >
      <p>{t("account.keys.revokeText")}</p>
      {failure && <FailureNotice failure={failure} />}
    </Dialog>
  );
}
