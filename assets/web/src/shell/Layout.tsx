import { Link, Outlet, lazyRouteComponent, useRouterState } from "@tanstack/react-router";
import { Suspense, useState } from "react";
import { useTranslation } from "react-i18next";

import { SetUpBanner } from "../account/session/SetUpBanner";
import { useGate } from "../account/session/useGate";
import { useLiveNews } from "../live/useLiveNews";
import { SessionProvider } from "../write/SessionProvider";
import { Banners } from "./Banners";
import { DoorBanners } from "./DoorBanners";
import { Header } from "./Header";

const LogInPage = lazyRouteComponent(() => import("../account/entry/LogInPage"), "LogInPage");
const RequiredPage = lazyRouteComponent(() => import("../account/factors/RequiredPage"), "RequiredPage");

export function Layout() {
  const { t } = useTranslation();
  const [adding, setAdding] = useState(false);
  const { gate, session } = useGate(adding);
  useLiveNews(session);
  const path = useRouterState({ select: (state) => state.location.pathname });
  const inviting = session?.stage === "unclaimed" && path !== "/setup";
  return (
    <div className="flex min-h-dvh flex-col">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:absolute focus:start-4 focus:top-4 focus:z-10 focus:rounded-lg focus:bg-accent focus:px-4 focus:py-3 focus:text-on-accent"
      >
        {t("shell.skip")}
      </a>
      <Header links={gate === "app"} account={session?.account ?? null} />
      {/* Before log-in the box tells nothing about itself. */}
      {gate === "app" && <Banners>{inviting && <SetUpBanner />}</Banners>}
      {(gate === "log-in" || gate === "door" || gate === "second-factor") && <DoorBanners />}
      <main id="main" tabIndex={-1} className="flex-1 px-4 pt-6 pb-16 sm:px-8 sm:pt-12">
        {gate === "log-in" && (
          <Suspense>
            <LogInPage />
          </Suspense>
        )}
        {gate === "second-factor" && (
          <Suspense>
            <RequiredPage onAdding={setAdding} />
          </Suspense>
        )}
        {(gate === "app" || gate === "door") && (
          <SessionProvider>
            <Outlet />
          </SessionProvider>
        )}
      </main>
      <footer className="border-t border-line px-4 py-6 text-sm text-muted sm:px-8">
        <div className="mx-auto flex max-w-5xl flex-wrap items-center justify-between gap-x-6 gap-y-2">
          <p>{t("shell.promise")}</p>
          {gate === "app" && (
            <Link to="/help" className="inline-flex min-h-11 items-center text-accent underline underline-offset-4">
              {t("care.link")}
            </Link>
          )}
        </div>
      </footer>
    </div>
  );
}
