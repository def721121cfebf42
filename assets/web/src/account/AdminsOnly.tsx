import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Notice } from "../ui/Notice";
import { useSession } from "./api";
import { useMay } from "./session/useMay";

/** What only an admin of a box with accounts can use. The box itself refuses everyone else; here it is said in time. */
export function AdminsOnly({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const unclaimed = useSession().data?.stage === "unclaimed";
  const admin = useMay("admin");
  if (unclaimed) {
    return (
      <Notice>
        {t("account.unclaimed.text")} <Link to="/setup">{t("account.unclaimed.action")}</Link>
      </Notice>
    );
  }
  return admin ? children : <Notice>{t("people.adminsOnly")}</Notice>;
}
