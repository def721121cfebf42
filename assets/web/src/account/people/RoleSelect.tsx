import type { ComponentProps } from "react";
import { useTranslation } from "react-i18next";

import type { Role } from "../../api/client";
import { Select } from "../../ui/Select";
import { roles } from "./roles";

interface RoleSelectProps extends Omit<ComponentProps<"select">, "onChange"> {
  value: Role;
  onRole: (role: Role) => void;
}

export function RoleSelect({ value, onRole, ...rest }: RoleSelectProps) {
  const { t } = useTranslation();
  const change = (chosen: string) => {
    const role = roles.find((known) => known === chosen);
    if (role) onRole(role);
  };
  return (
    <Select {...rest} value={value} onChange={(event) => change(event.target.value)}>
      {roles.map((role) => (
        <option key={role} value={role}>
          {t(`people.roles.${role}`)}
        </option>
      ))}
    </Select>
  );
}
