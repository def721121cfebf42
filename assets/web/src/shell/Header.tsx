import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { MarkIcon, SettingsIcon } from "../ui/icons";
import { SettingsDialog } from "./SettingsDialog";

const links = [
  { to: "/", label: "shell.nav.write" },
  { to: "/dreams", label: "shell.nav.dreams" },
  { to: "/status", label: "shell.nav.status" },
] as const;

export function Header() {
  const { t } = useTranslation();
  const [settings, setSettings] = useState(false);
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
        <nav aria-label={t("shell.nav.label")} className="flex-1">
          <ul className="flex justify-center gap-0.5 sm:justify-end sm:gap-1">
            {links.map(({ to, label }) => (
              <li key={to}>
                <Link
                  to={to}
                  activeOptions={{ exact: to === "/" }}
                  className="inline-flex min-h-11 items-center rounded-full px-2 text-muted hover:text-ink aria-[current=page]:font-semibold aria-[current=page]:text-ink aria-[current=page]:underline aria-[current=page]:decoration-accent aria-[current=page]:decoration-2 aria-[current=page]:underline-offset-8 sm:px-4"
                >
                  {t(label)}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <button
          type="button"
          onClick={() => setSettings(true)}
          aria-label={t("shell.settings.open")}
          title={t("shell.settings.open")}
          className="-me-3 inline-flex size-11 shrink-0 items-center justify-center rounded-full text-muted hover:text-ink"
        >
          <SettingsIcon />
        </button>
      </div>
      <SettingsDialog open={settings} onClose={() => setSettings(false)} />
    </header>
  );
}
