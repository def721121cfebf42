import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { AccountMenu } from "../account/session/AccountMenu";
import type { Account } from "../api/client";
import { MarkIcon, PersonIcon, SettingsIcon } from "../ui/icons";
import { SettingsDialog } from "./SettingsDialog";

const pages = [
  { to: "/", label: "shell.nav.write" },
  { to: "/dreams", label: "shell.nav.dreams" },
  { to: "/symbols", label: "shell.nav.symbols" },
  { to: "/status", label: "shell.nav.status" },
] as const;

interface HeaderProps {
  /** Whether the visitor may go to the pages. */
  links: boolean;
  account: Account | null;
}

export function Header({ links, account }: HeaderProps) {
  const { t } = useTranslation();
  // Of whom: when the person changes, what was open is not.
  const [openFor, setOpenFor] = useState<string | null>(null);
  const person = account?.id ?? "nobody";
  const open = openFor === person;
  const close = () => setOpenFor(null);
  const label = account ? t("account.menu.open", { name: account.name }) : t("shell.settings.open");
  return (
    <header className="px-4 pt-2 sm:px-8 sm:pt-4">
      <div className="mx-auto flex max-w-5xl items-center gap-1 sm:gap-4">
        <Link
          to="/"
          aria-label={t("shell.home")}
          className="-ms-2 inline-flex min-h-11 min-w-11 shrink-0 items-center justify-center gap-2 px-2 text-accent"
        >
          <MarkIcon className="size-7" />
          <span className="hidden text-lg font-semibold text-ink sm:inline" lang="en">
            Oneiros
          </span>
        </Link>
        {links ? <PageLinks /> : <span className="flex-1" />}
        {/* One button: on a narrow phone there is room for no more. */}
        <button
          type="button"
          onClick={() => setOpenFor(person)}
          aria-label={label}
          title={label}
          className="-me-3 inline-flex min-h-11 min-w-11 shrink-0 items-center justify-center gap-2 rounded-full text-muted hover:text-ink"
        >
          {account ? <PersonIcon /> : <SettingsIcon />}
          {account && (
            <bdi translate="no" className="hidden max-w-40 truncate pe-3 sm:inline">
              {account.name}
            </bdi>
          )}
        </button>
      </div>
      {account ? <AccountMenu account={account} open={open} onClose={close} /> : <SettingsDialog open={open} onClose={close} />}
    </header>
  );
}

function PageLinks() {
  const { t } = useTranslation();
  return (
    <nav aria-label={t("shell.nav.label")} className="min-w-0 flex-1">
      <ul className="flex flex-wrap justify-center gap-x-0.5 text-sm sm:justify-end sm:gap-x-1 sm:text-base">
        {pages.map(({ to, label }) => (
          <li key={to}>
            <Link
              to={to}
              activeOptions={{ exact: to === "/" }}
              className="inline-flex min-h-11 items-center rounded-full px-1 text-muted hover:text-ink aria-[current=page]:font-semibold aria-[current=page]:text-ink aria-[current=page]:underline aria-[current=page]:decoration-accent aria-[current=page]:decoration-2 aria-[current=page]:underline-offset-8 sm:px-4"
            >
              {t(label)}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
