import { useTranslation } from "react-i18next";

import { TextField } from "../../ui/TextField";
import type { TextFieldProps } from "../../ui/TextField";

/** A code that opens once. `lacking`: it was sent without one. */
export function CodeField({ lacking, ...rest }: TextFieldProps & { lacking: boolean }) {
  const { t } = useTranslation();
  return (
    <TextField
      error={lacking && t("account.form.required")}
      autoComplete="one-time-code"
      inputMode="numeric"
      dir="ltr"
      autoCapitalize="none"
      autoCorrect="off"
      spellCheck={false}
      required
      className="text-start"
      {...rest}
    />
  );
}
