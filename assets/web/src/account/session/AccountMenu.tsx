import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Account } from "../../api/client";
import { FailureNotice } from "../../shell/FailureNotice";
import { SettingsChoices } from "../../shell/SettingsChoices";
import { TrustLink } from "../../trust/TrustLink";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { LogOutDialog } from "./LogOutDialog";
import type { Leftovers } from "./leftovers";
import { useSession } from "../api";
import { useLeave } from "./useLeave";
import { useMay } from "./useMay";

interface AccountMenuProps {
  account: Account;
  open: boolean;
  onClose: () => void;
}

const own = { to: "/account", label: "account.menu.account" } as const;
const administration = [
  { to: "/people", label: "account.menu.people" },
  { to: "/audit", label: "account.menu.audit" },
  { to: "/packs", label: "account.menu.packs" },
] as const;

/** Behind the person's name: the pages about accounts, how this browser shows them, and the way out. */
export function AccountMenu({ account, open, onClose }: AccountMenuProps) {
  const { t } = useTranslation();
  const admin = useMay("admin");
  // Whoever must add a second factor can go nowhere else.
  const limited = useSession().data?.must_add_second_factor ?? false;
  const pages = limited ? [] : [own, ...(admin ? administration : [])];
  const { ask, leave, pending, failure } = useLeave();
  const [leftovers, setLeftovers] = useState<Leftovers | null>(null);
  const logOut = async () => {
    const found = await ask();
    if (!found) return;
    onClose();
    setLeftovers(found);
  };
  return (
    <>
      <Dialog open={open} onClose={onClose} title={account.name}>
        <nav aria-label={t("account.menu.label")}>
          <ul className="flex flex-col">
            {pages.map(({ to, label }) => (
              <li key={to}>
                <Link
                  to={to}
                  onClick={onClose}
                  className="inline-flex min-h-11 items-center text-accent underline underline-offset-4"
                >
                  {t(label)}
                </Link>
              </li>
            ))}
            <li>
              <TrustLink onClick={onClose} />
            </li>
          </ul>
        </nav>
        <SettingsChoices />
        {failure && <FailureNotice failure={failure} />}
        <p className="border-t border-line pt-5">
          <Button aria-disabled={pending} onClick={() => void logOut()}>
            {pending ? t("account.logOut.working") : t("account.logOut.action")}
          </Button>
        </p>
      </Dialog>
      <LogOutDialog
        leftovers={leftovers}
        pending={pending}
        failure={failure}
        onClose={() => setLeftovers(null)}
        onConfirm={leave}
      />
    </>
  );
}
