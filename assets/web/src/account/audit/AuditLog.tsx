import { useState } from "react";
import { useTranslation } from "react-i18next";

import { Field } from "../../ui/Field";
import { Select } from "../../ui/Select";
import { TextField } from "../../ui/TextField";
import { MoreButton } from "../MoreButton";
import { QueryState } from "../QueryState";
import { useAudit } from "../api";
import { useSettled } from "../useSettled";
import { AuditRow } from "./AuditRow";
import { actions } from "./actions";

/** The entries, newest first, all or those of one kind or person. */
export function AuditLog() {
  const { t } = useTranslation();
  const [action, setAction] = useState("");
  const [user, setUser] = useState("");
  const query = useAudit({ action, user: useSettled(user) });
  const entries = query.data?.pages.flatMap((page) => page.entries) ?? [];
  return (
    <>
      <search className="flex flex-col gap-4">
        <Field label={t("audit.action")}>
          {(control) => (
            <Select {...control} value={action} onChange={(event) => setAction(event.target.value)}>
              <option value="">{t("audit.all")}</option>
              {actions.map(([value, words]) => (
                <option key={value} value={value}>
                  {t(`audit.actions.${words}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <div className="max-w-md">
          <TextField
            label={t("audit.user")}
            hint={t("audit.userHint")}
            value={user}
            onText={setUser}
            type="search"
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
          />
        </div>
      </search>
      <QueryState query={query} />
      <p role="status" className={entries.length > 0 ? "sr-only" : ""}>
        {query.data && (entries.length > 0 ? t("audit.shown", { count: entries.length }) : t("audit.none"))}
      </p>
      <ol className="flex flex-col divide-y divide-line">
        {entries.map((entry) => (
          <AuditRow key={entry.id} entry={entry} />
        ))}
      </ol>
      <MoreButton query={query} />
    </>
  );
}
