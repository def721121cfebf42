import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { TrustLink } from "../../trust/TrustLink";
import { useSession } from "../api";

/** What else whoever stands at the door may need. */
export function LogInFooter() {
  const { t } = useTranslation();
  const open = useSession().data?.registration === "open";
  return (
    <div className="flex flex-col gap-1 border-t border-line pt-6 text-muted">
      <p>{t("account.logIn.forgotten")}</p>
      {open && (
        <p>
          <Link to="/join" className="inline-flex min-h-11 items-center text-accent underline underline-offset-4">
            {t("account.logIn.register")}
          </Link>
        </p>
      )}
      <p>
        <TrustLink />
      </p>
    </div>
  );
}
