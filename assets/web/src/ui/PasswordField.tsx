import { useState } from "react";
import { useTranslation } from "react-i18next";

import { TextField } from "./TextField";
import type { TextFieldProps } from "./TextField";

/** A password that its writer may look at. `autoComplete` tells password managers which one it is. */
export function PasswordField(props: TextFieldProps & { autoComplete: "current-password" | "new-password" }) {
  const { t } = useTranslation();
  const [shown, setShown] = useState(false);
  return (
    <TextField
      {...props}
      type={shown ? "text" : "password"}
      dir="ltr"
      autoCapitalize="none"
      autoCorrect="off"
      spellCheck={false}
      className="text-start"
      after={
        <button
          type="button"
          aria-pressed={shown}
          aria-label={t("shell.password.show")}
          onClick={() => setShown(!shown)}
          className="min-h-11 shrink-0 rounded-2xl px-4 text-sm font-medium text-accent underline underline-offset-4"
        >
          {shown ? t("shell.password.hideShort") : t("shell.password.showShort")}
        </button>
      }
    />
  );
}
