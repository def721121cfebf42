import { useTranslation } from "react-i18next";

import { PasswordField } from "../ui/PasswordField";
import { TextField } from "../ui/TextField";
import { ServerWords } from "../ui/Facts";

/** What the box takes; it knows more, such as which passwords are common. */
const PASSWORD_LEAST = 10;

/** Characters as the box counts them. */
export const isLongEnough = (password: string) => Array.from(password).length >= PASSWORD_LEAST;

interface FieldProps {
  value: string;
  onText: (text: string) => void;
  /** The box's own words about it. */
  refused: string | undefined;
}

/** A name to be known by. `lacking`: it was sent without one. */
export function NameField({ value, onText, refused, lacking }: FieldProps & { lacking: boolean }) {
  const { t } = useTranslation();
  return (
    <TextField
      label={t("account.form.name")}
      hint={t("account.form.nameHint")}
      error={lacking ? t("account.form.required") : refused && <Refused words={t("account.form.nameRefused")} detail={refused} />}
      value={value}
      onText={onText}
      autoComplete="username"
      autoCapitalize="none"
      spellCheck={false}
      required
    />
  );
}

interface NewPasswordProps extends FieldProps {
  label?: string;
  /** Whether it has been found too short. */
  short: boolean;
}

export function NewPasswordField({ label, value, onText, refused, short }: NewPasswordProps) {
  const { t } = useTranslation();
  const tooShort = short && !isLongEnough(value);
  return (
    <PasswordField
      label={label ?? t("account.form.password")}
      hint={t("account.form.passwordHint", { count: PASSWORD_LEAST })}
      error={
        tooShort
          ? t("account.form.passwordShort", { count: PASSWORD_LEAST })
          : refused && <Refused words={t("account.form.passwordRefused")} detail={refused} />
      }
      value={value}
      onText={onText}
      autoComplete="new-password"
      required
    />
  );
}

function Refused({ words, detail }: { words: string; detail: string }) {
  return (
    <>
      {words} <ServerWords>{detail}</ServerWords>
    </>
  );
}
