import { useTranslation } from "react-i18next";

import type { Role } from "../../api/client";
import { Checkbox } from "../../ui/Checkbox";
import { roles } from "./roles";

interface RequiredRolesProps {
  chosen: readonly Role[];
  onChange: (roles: readonly Role[]) => void;
}

/** For which roles a second factor is a must. */
export function RequiredRoles({ chosen, onChange }: RequiredRolesProps) {
  const { t } = useTranslation();
  const change = (role: Role) => (on: boolean) => onChange(roles.filter((one) => (one === role ? on : chosen.includes(one))));
  return (
    <fieldset aria-describedby="required-roles-hint" className="flex min-w-0 flex-col">
      <legend className="mb-1 font-medium">{t("people.settings.secondFactor")}</legend>
      {roles.map((role) => (
        <Checkbox key={role} label={t(`people.roles.${role}`)} checked={chosen.includes(role)} onSwitch={change(role)} />
      ))}
      <p id="required-roles-hint" className="text-sm text-muted">
        {t("people.settings.secondFactorHint")}
      </p>
    </fieldset>
  );
}
