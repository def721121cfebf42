import { Outlet } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { SessionProvider } from "../write/SessionProvider";
import { Banners } from "./Banners";
import { Header } from "./Header";

export function Layout() {
  const { t } = useTranslation();
  return (
    <div className="flex min-h-dvh flex-col">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:absolute focus:start-4 focus:top-4 focus:z-10 focus:rounded-lg focus:bg-accent focus:px-4 focus:py-3 focus:text-on-accent"
      >
        {t("shell.skip")}
      </a>
      <Header />
      <Banners />
      <main id="main" tabIndex={-1} className="flex-1 px-4 pt-6 pb-16 sm:px-8 sm:pt-12">
        <SessionProvider>
          <Outlet />
        </SessionProvider>
      </main>
      <footer className="border-t border-line px-4 py-6 text-sm text-muted sm:px-8">
        <p className="mx-auto max-w-5xl">{t("shell.promise")}</p>
      </footer>
    </div>
  );
}
