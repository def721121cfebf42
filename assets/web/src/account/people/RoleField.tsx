import { useId, useState } from "react";
import { useTranslation } from "react-i18next";

import type { User } from "../../api/client";
import { Button } from "../../ui/Button";
import { FormFailure } from "../FormFailure";
import { useChangeUser } from "../api";
import { RoleSelect } from "./RoleSelect";

/** A person's role. It changes with a button of its own: going through the list by keyboard must make nobody an admin. */
export function RoleField({ user }: { user: User }) {
  const { t } = useTranslation();
  const id = useId();
  const [role, setRole] = useState(user.role);
  const { send, pending, failure } = useChangeUser();
  return (
    <>
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1.5">
        <label htmlFor={id} className="text-muted">
          {t("people.role")}
          <span className="sr-only">: {user.name}</span>
        </label>
        <RoleSelect id={id} value={role} onRole={setRole} />
        {role !== user.role && (
          <Button kind="primary" aria-disabled={pending} onClick={() => send({ id: user.id, role })}>
            {pending ? t("account.form.saving") : t("people.users.saveRole")}
          </Button>
        )}
      </div>
      <FormFailure failure={failure} words={{ 409: t("people.users.lastAdmin") }} />
    </>
  );
}
