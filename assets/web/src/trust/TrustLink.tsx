import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

export function TrustLink({ onClick }: { onClick?: () => void }) {
  const { t } = useTranslation();
  return (
    <Link to="/trust" onClick={onClick} className="inline-flex min-h-11 items-center text-accent underline underline-offset-4">
      {t("trust.link")}
    </Link>
  );
}
