import { useTranslation } from "react-i18next";

import { Button } from "../ui/Button";

interface SaveLineProps {
  label?: string;
  pending: boolean;
  /** What is said once it is saved. */
  said: string;
}

/** The button that sends a form, and beside it what came of it. */
export function SaveLine({ label, pending, said }: SaveLineProps) {
  const { t } = useTranslation();
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
      <Button type="submit" kind="primary" aria-disabled={pending}>
        {pending ? t("account.form.saving") : (label ?? t("account.form.save"))}
      </Button>
      <p role="status" className="flex-1 basis-40 text-good">
        {said}
      </p>
    </div>
  );
}
