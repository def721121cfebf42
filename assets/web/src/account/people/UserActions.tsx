import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { User } from "../../api/client";
import { Button } from "../../ui/Button";
import { RemoveFactorDialog } from "./RemoveFactorDialog";
import { ResetCodeDialog } from "./ResetCodeDialog";
import { SuspendDialog } from "./SuspendDialog";

/** What an admin can do for or against a person, each after asking. */
export function UserActions({ user }: { user: User }) {
  const { t } = useTranslation();
  const [asking, setAsking] = useState<"suspend" | "reset" | "factor" | null>(null);
  const close = () => setAsking(null);
  const { name, suspended, second_factor } = user;
  return (
    <div className="flex flex-wrap gap-3">
      <Button aria-label={t("people.users.resetNamed", { name })} onClick={() => setAsking("reset")}>
        {t("people.users.reset")}
      </Button>
      {second_factor && (
        <Button aria-label={t("people.users.removeFactorNamed", { name })} onClick={() => setAsking("factor")}>
          {t("people.users.removeFactor")}
        </Button>
      )}
      <Button
        kind={suspended ? "quiet" : "danger"}
        aria-label={suspended ? t("people.users.reinstateNamed", { name }) : t("people.users.suspendNamed", { name })}
        onClick={() => setAsking("suspend")}
      >
        {suspended ? t("people.users.reinstate") : t("people.users.suspend")}
      </Button>
      <ResetCodeDialog user={user} open={asking === "reset"} onClose={close} />
      <RemoveFactorDialog user={user} open={asking === "factor"} onClose={close} />
      <SuspendDialog user={user} open={asking === "suspend"} onClose={close} />
    </div>
  );
}
