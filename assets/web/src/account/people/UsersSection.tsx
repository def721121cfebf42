import { useState } from "react";
import { useTranslation } from "react-i18next";

import { Section } from "../../ui/Section";
import { TextField } from "../../ui/TextField";
import { MoreButton } from "../MoreButton";
import { QueryState } from "../QueryState";
import { useSession, useUsers } from "../api";
import { useSettled } from "../useSettled";
import { UserRow } from "./UserRow";

/** Everyone with an account. */
export function UsersSection() {
  const { t } = useTranslation();
  const own = useSession().data?.account?.id;
  const [search, setSearch] = useState("");
  const query = useUsers(useSettled(search));
  const users = query.data?.pages.flatMap((page) => page.users) ?? [];
  return (
    <Section title={t("people.users.title")} intro={t("people.users.intro")}>
      <div className="max-w-md">
        <TextField
          label={t("people.users.search")}
          value={search}
          onText={setSearch}
          type="search"
          autoComplete="off"
          spellCheck={false}
        />
      </div>
      <QueryState query={query} />
      <p role="status" className={users.length > 0 ? "sr-only" : ""}>
        {query.data && (users.length > 0 ? t("people.users.shown", { count: users.length }) : t("people.users.none"))}
      </p>
      <ul className="flex flex-col divide-y divide-line">
        {users.map((user) => (
          <UserRow key={user.id} user={user} own={user.id === own} />
        ))}
      </ul>
      <MoreButton query={query} />
    </Section>
  );
}
