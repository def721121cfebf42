import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { SecondFactor } from "../../api/client";
import { Button } from "../../ui/Button";
import { PasskeyDialog } from "./PasskeyDialog";
import { PasskeyRow } from "./PasskeyRow";
import { Part } from "./Part";
import { passkeysWork } from "./webauthn";

interface PasskeysPartProps {
  factor: SecondFactor;
  onChanged: () => void;
}

/** The person's passkeys, and the way to another one. */
export function PasskeysPart({ factor, onChanged }: PasskeysPartProps) {
  const { t } = useTranslation();
  const [adding, setAdding] = useState(false);
  const added = () => {
    setAdding(false);
    onChanged();
  };
  return (
    <Part title={t("factors.passkeys.title")} intro={t("factors.passkeys.intro")}>
      {factor.passkeys.length === 0 && <p>{t("factors.passkeys.none")}</p>}
      <ul className="flex w-full flex-col divide-y divide-line">
        {factor.passkeys.map((passkey) => (
          <PasskeyRow key={passkey.id} passkey={passkey} factor={factor} onRemoved={onChanged} />
        ))}
      </ul>
      {passkeysWork() ? (
        <Button onClick={() => setAdding(true)}>{t("factors.passkeys.add")}</Button>
      ) : (
        <p className="max-w-prose">{t("factors.passkeys.unfit")}</p>
      )}
      <PasskeyDialog open={adding} onClose={() => setAdding(false)} onDone={added} />
    </Part>
  );
}
