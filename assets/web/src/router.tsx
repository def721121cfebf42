import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";

import { ErrorPage } from "./shell/ErrorPage";
import { Layout } from "./shell/Layout";
import { NotFoundPage } from "./shell/NotFoundPage";

const root = createRootRoute({ component: Layout, notFoundComponent: NotFoundPage, errorComponent: ErrorPage });

const write = createRoute({
  getParentRoute: () => root,
  path: "/",
  component: lazyRouteComponent(() => import("./write/WritePage"), "WritePage"),
});

const dreams = createRoute({
  getParentRoute: () => root,
  path: "/dreams",
  component: lazyRouteComponent(() => import("./dreams/DreamsPage"), "DreamsPage"),
});

const dream = createRoute({
  getParentRoute: () => root,
  path: "/dreams/$id",
  component: lazyRouteComponent(() => import("./dreams/DreamPage"), "DreamPage"),
});

const symbols = createRoute({
  getParentRoute: () => root,
  path: "/symbols",
  component: lazyRouteComponent(() => import("./lore/SymbolsPage"), "SymbolsPage"),
});

const symbol = createRoute({
  getParentRoute: () => root,
  path: "/symbols/$id",
  component: lazyRouteComponent(() => import("./lore/SymbolPage"), "SymbolPage"),
});

const packs = createRoute({
  getParentRoute: () => root,
  path: "/packs",
  component: lazyRouteComponent(() => import("./lore/PacksPage"), "PacksPage"),
});

const help = createRoute({
  getParentRoute: () => root,
  path: "/help",
  component: lazyRouteComponent(() => import("./care/HelpPage"), "HelpPage"),
});

const status = createRoute({
  getParentRoute: () => root,
  path: "/status",
  component: lazyRouteComponent(() => import("./status/StatusPage"), "StatusPage"),
});

const logIn = createRoute({
  getParentRoute: () => root,
  path: "/login",
  component: lazyRouteComponent(() => import("./account/entry/LogInRoute"), "LogInRoute"),
});

const setUp = createRoute({
  getParentRoute: () => root,
  path: "/setup",
  component: lazyRouteComponent(() => import("./account/entry/SetUpPage"), "SetUpPage"),
});

const join = createRoute({
  getParentRoute: () => root,
  path: "/join",
  component: lazyRouteComponent(() => import("./account/entry/JoinPage"), "JoinPage"),
});

const reset = createRoute({
  getParentRoute: () => root,
  path: "/reset",
  component: lazyRouteComponent(() => import("./account/entry/ResetPage"), "ResetPage"),
});

const account = createRoute({
  getParentRoute: () => root,
  path: "/account",
  component: lazyRouteComponent(() => import("./account/own/AccountPage"), "AccountPage"),
});

const people = createRoute({
  getParentRoute: () => root,
  path: "/people",
  component: lazyRouteComponent(() => import("./account/people/PeoplePage"), "PeoplePage"),
});

const audit = createRoute({
  getParentRoute: () => root,
  path: "/audit",
  component: lazyRouteComponent(() => import("./account/audit/AuditPage"), "AuditPage"),
});

const trust = createRoute({
  getParentRoute: () => root,
  path: "/trust",
  component: lazyRouteComponent(() => import("./trust/TrustPage"), "TrustPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    ...[write, dreams, dream, symbols, symbol, help, status],
    ...[logIn, setUp, join, reset, account, people, audit, packs, trust],
  ]),
  defaultPreload: "intent",
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
