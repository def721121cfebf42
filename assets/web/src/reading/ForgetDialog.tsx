import { useState } from "react";
import { useTranslation } from "react-i18next";

import { useFocusAfter } from "../account/useFocusAfter";
import type { Dream } from "../api/client";
import { FailureNotice } from "../shell/FailureNotice";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { useForgetDialog } from "./api";

/** Removes all questions about a dream with their answers, after asking. `heading` gets the keyboard then. */
export function ForgetDialog({ dream, heading }: { dream: Dream; heading: string }) {
  const { t } = useTranslation();
  const [asking, setAsking] = useState(false);
  const { send, pending, failure } = useForgetDialog(dream.id);
  const focusHeading = useFocusAfter(heading);
  const remove = () =>
    send(undefined, () => {
      setAsking(false);
      focusHeading();
    });
  return (
    <>
      <Button kind="plain" onClick={() => setAsking(true)}>
        {t("dream.dialog.remove")}
      </Button>
      <Dialog
        open={asking}
        title={t("dream.dialog.removeTitle")}
        onClose={() => setAsking(false)}
        actions={
          <>
            <Button onClick={() => setAsking(false)}>{t("dream.dialog.keep")}</Button>
            <Button kind="danger" aria-disabled={pending} onClick={remove}>
              {t("dream.dialog.removeConfirm")}
            </Button>
          </>
        }
      >
        <p>{t("dream.dialog.removeText")}</p>
        {failure && <FailureNotice failure={failure} />}
      </Dialog>
    </>
  );
}
