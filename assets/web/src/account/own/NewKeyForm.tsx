import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { NewApiKey, Scope } from "../../api/client";
import { Button } from "../../ui/Button";
import { Checkbox } from "../../ui/Checkbox";
import { Choice } from "../../ui/Choice";
import { TextField } from "../../ui/TextField";
import { Form } from "../Form";
import { FormFailure } from "../FormFailure";
import { useCreateKey } from "../api";
import { refusedFields } from "../refusedFields";
import { scopesFor } from "../scopes";
import type { KeyScope } from "../scopes";

const lifetimes = ["30", "90", "365", "never"] as const;
type Lifetime = (typeof lifetimes)[number];

interface NewKeyFormProps {
  /** What the person may do. */
  scopes: readonly Scope[];
  onMade: (key: NewApiKey) => void;
}

/** What a key is for, what it may do, and how long. */
export function NewKeyForm({ scopes, onMade }: NewKeyFormProps) {
  const { t } = useTranslation();
  const { send, pending, failure } = useCreateKey();
  const [name, setName] = useState("");
  const [chosen, setChosen] = useState<readonly KeyScope[]>([]);
  const [lifetime, setLifetime] = useState<Lifetime>("90");
  const [tried, setTried] = useState(false);
  const toggle = (scope: KeyScope) => (on: boolean) =>
    setChosen(on ? [...chosen, scope] : chosen.filter((other) => other !== scope));
  const submit = () => {
    setTried(true);
    if (!name.trim() || chosen.length === 0) return;
    const limit = lifetime === "never" ? {} : { expires_in_days: Number(lifetime) };
    send({ name: name.trim(), scopes: [...chosen], ...limit }, onMade);
  };
  return (
    <Form onSubmit={submit}>
      <TextField
        label={t("account.keys.name")}
        hint={t("account.keys.nameHint")}
        error={
          tried && !name.trim() ? t("account.form.required") : refusedFields(failure).has("name") && t("account.keys.nameRefused")
        }
        value={name}
        onText={setName}
        autoComplete="off"
        required
      />
      <fieldset aria-describedby="key-scopes-error" className="flex min-w-0 flex-col">
        <legend className="mb-1 font-medium">{t("account.keys.mayWhat")}</legend>
        {scopesFor(scopes).map(([scope, words]) => (
          <Checkbox
            key={scope}
            label={t(`account.scopes.${words}.name`)}
            hint={t(`account.scopes.${words}.hint`)}
            checked={chosen.includes(scope)}
            onSwitch={toggle(scope)}
          />
        ))}
        <p id="key-scopes-error" role="status" className="text-sm font-medium text-danger">
          {tried && chosen.length === 0 && t("account.keys.noScope")}
        </p>
      </fieldset>
      <Choice
        name="key-lifetime"
        legend={t("account.keys.howLong")}
        options={lifetimes.map((value) => ({
          value,
          label: value === "never" ? t("account.keys.never") : t("account.form.days", { count: Number(value) }),
        }))}
        value={lifetime}
        onChange={setLifetime}
      />
      <FormFailure failure={failure} fields={["name"]} />
      <p>
        <Button type="submit" kind="primary" aria-disabled={pending}>
          {pending ? t("account.form.saving") : t("account.keys.make")}
        </Button>
      </p>
    </Form>
  );
}
