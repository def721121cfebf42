import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { User } from "../../api/client";
import { Button } from "../../ui/Button";
import { ResetCodeDialog } from "./ResetCodeDialog";
import { SuspendDialog } from "./SuspendDialog";

/** What an admin can do for or against a person, each after asking. */
export function UserActions({ user }: { user: User }) {
  const { t } = useTranslation();
  const [asking, setAsking] = useState<"suspend" | "reset" | null>(null);
  const close = () => setAsking(null);
  const { name, suspended } = user;
  return (
    <div className="flex flex-wrap gap-3">
      <Button aria-label={t("people.users.resetNamed", { name })} onClick={() => setAsking("reset")}>
        {t("people.users.reset")}
      </Button>
      <Button
        kind={suspended ? "quiet" : "danger"}
        aria-label={suspended ? t("people.users.reinstateNamed", { name }) : t("people.users.suspendNamed", { name })}
        onClick={() => setAsking("suspend")}
      >
        {suspended ? t("people.users.reinstate") : t("people.users.suspend")}
      </Button>
      <ResetCodeDialog user={user} open={asking === "reset"} onClose={close} />
      <SuspendDialog user={user} open={asking === "suspend"} onClose={close} />
    </div>
  );
}
