import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { ApiKey, Scope } from "../../api/client";
import { Button } from "../../ui/Button";
import { Section } from "../../ui/Section";
import { QueryState } from "../QueryState";
import { useKeys, useRevokeKey } from "../api";
import { useFocusAfter } from "../useFocusAfter";
import { KeyRow } from "./KeyRow";
import { NewKeyDialog } from "./NewKeyDialog";
import { RevokeKeyDialog } from "./RevokeKeyDialog";

const HEADING = "account-keys";

/** Keys with which programs speak to the box in the person's name. */
export function KeysSection({ scopes }: { scopes: readonly Scope[] }) {
  const { t } = useTranslation();
  const keys = useKeys();
  const revoke = useRevokeKey();
  const [making, setMaking] = useState(false);
  const [ending, setEnding] = useState<ApiKey | null>(null);
  const goOn = useFocusAfter(HEADING);
  const keep = () => {
    setEnding(null);
    revoke.reset();
  };
  const end = (key: ApiKey) =>
    revoke.send(key.id, () => {
      setEnding(null);
      goOn();
    });
  return (
    <Section id={HEADING} title={t("account.keys.title")} intro={t("account.keys.intro")}>
      <QueryState query={keys} />
      {keys.data?.length === 0 && <p>{t("account.keys.none")}</p>}
      <ul className="flex flex-col divide-y divide-line">
        {keys.data?.map((key) => (
          <KeyRow key={key.id} apiKey={key} onRevoke={() => setEnding(key)} />
        ))}
      </ul>
      <p>
        <Button onClick={() => setMaking(true)}>{t("account.keys.new")}</Button>
      </p>
      <NewKeyDialog open={making} scopes={scopes} onClose={() => setMaking(false)} />
      <RevokeKeyDialog apiKey={ending} pending={revoke.pending} failure={revoke.failure} onClose={keep} onConfirm={end} />
    </Section>
  );
}
