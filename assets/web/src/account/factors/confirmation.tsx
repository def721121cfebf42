import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Confirmation } from "../../api/client";
import { PasswordField } from "../../ui/PasswordField";
import { useSession } from "../api";

export interface Confirming {
  /** Whether the account has a password to ask for. */
  asked: boolean;
  password: string;
  setPassword: (password: string) => void;
  /** Whether all that is asked for is there. */
  given: boolean;
  body: Confirmation;
}

/** The password once more, of whoever has one; of all others the box wants a log-in that is fresh. */
export function useConfirmation(): Confirming {
  const asked = useSession().data?.account?.has_password ?? true;
  const [password, setPassword] = useState("");
  return { asked, password, setPassword, given: !asked || password !== "", body: asked ? { password } : {} };
}

export function PasswordAgain({ confirmation, tried }: { confirmation: Confirming; tried: boolean }) {
  const { t } = useTranslation();
  const { asked, password, setPassword } = confirmation;
  if (!asked) return null;
  return (
    <PasswordField
      label={t("account.form.currentPassword")}
      error={tried && !password && t("account.form.required")}
      value={password}
      onText={setPassword}
      autoComplete="current-password"
      required
    />
  );
}
