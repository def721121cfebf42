import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { OneTimeCode, Role } from "../../api/client";
import { Button } from "../../ui/Button";
import { Choice } from "../../ui/Choice";
import { Field } from "../../ui/Field";
import { TextField } from "../../ui/TextField";
import { Form } from "../Form";
import { FormFailure } from "../FormFailure";
import { useInvite } from "../api";
import { refusedFields } from "../refusedFields";
import { RoleSelect } from "./RoleSelect";

const lifetimes = ["1", "7", "30"] as const;
type Lifetime = (typeof lifetimes)[number];

export function InviteForm({ onMade }: { onMade: (code: OneTimeCode) => void }) {
  const { t } = useTranslation();
  const { send, pending, failure } = useInvite();
  const [role, setRole] = useState<Role>("user");
  const [note, setNote] = useState("");
  const [lifetime, setLifetime] = useState<Lifetime>("7");
  const submit = () => send({ role, expires_in_days: Number(lifetime), ...(note.trim() ? { note: note.trim() } : {}) }, onMade);
  return (
    <Form onSubmit={submit}>
      <TextField
        label={t("people.invitations.note")}
        hint={t("people.invitations.noteHint")}
        error={refusedFields(failure).has("note") && t("people.invitations.noteRefused")}
        value={note}
        onText={setNote}
        autoComplete="off"
      />
      <Field label={t("people.role")}>{(control) => <RoleSelect {...control} value={role} onRole={setRole} />}</Field>
      <Choice
        name="invitation-lifetime"
        legend={t("people.invitations.howLong")}
        options={lifetimes.map((value) => ({ value, label: t("account.form.days", { count: Number(value) }) }))}
        value={lifetime}
        onChange={setLifetime}
      />
      <FormFailure failure={failure} fields={["note"]} />
      <p>
        <Button type="submit" kind="primary" aria-disabled={pending}>
          {pending ? t("account.form.saving") : t("people.invitations.make")}
        </Button>
      </p>
    </Form>
  );
}
