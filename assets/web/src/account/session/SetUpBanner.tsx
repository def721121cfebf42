import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

/** On a box without accounts: what that means, and the way to change it. */
export function SetUpBanner() {
  const { t } = useTranslation();
  return (
    <aside aria-label={t("account.unclaimed.label")} className="rounded-xl border border-line bg-surface px-4 py-2">
      <p className="flex flex-wrap items-center gap-x-4">
        <span>{t("account.unclaimed.text")}</span>
        <Link to="/setup" className="inline-flex min-h-11 items-center text-accent underline underline-offset-4">
          {t("account.unclaimed.action")}
        </Link>
      </p>
    </aside>
  );
}
