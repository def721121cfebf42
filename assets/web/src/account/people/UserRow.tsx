import { useTranslation } from "react-i18next";

import type { User } from "../../api/client";
import { useFormats } from "../../i18n/format";
import { Fact, Facts, Verbatim } from "../../ui/Facts";
import { State } from "../../ui/State";
import { RoleField } from "./RoleField";
import { UserActions } from "./UserActions";

interface UserRowProps {
  user: User;
  /** It is the admin who looks. */
  own: boolean;
}

/** One person: the role, and whether the box lets them in. */
export function UserRow({ user, own }: UserRowProps) {
  const { t } = useTranslation();
  const { date, dateTime } = useFormats();
  return (
    <li className="flex flex-col gap-3 py-4 first:pt-0 last:pb-0">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <h3 className="font-semibold break-words">
          <bdi translate="no">{user.name}</bdi>
        </h3>
        {own && <State tone="good">{t("people.users.own")}</State>}
        {user.suspended && <State tone="bad">{t("people.users.suspended")}</State>}
      </div>
      <Facts>
        {user.email && (
          <Fact name={t("people.users.email")}>
            <Verbatim>{user.email}</Verbatim>
          </Fact>
        )}
        <Fact name={t("people.users.since")}>{date(user.created_at)}</Fact>
        <Fact name={t("people.users.lastSeen")}>
          {user.last_seen_at ? dateTime(user.last_seen_at) : t("people.users.neverSeen")}
        </Fact>
        <Fact name={t("people.users.secondFactor")}>
          {user.second_factor ? t("people.users.hasFactor") : t("people.users.hasNoFactor")}
        </Fact>
        {own && <Fact name={t("people.role")}>{t(`people.roles.${user.role}`)}</Fact>}
      </Facts>
      {/* Nobody locks themselves out. */}
      {!own && (
        <>
          <RoleField key={user.role} user={user} />
          <UserActions user={user} />
        </>
      )}
    </li>
  );
}
