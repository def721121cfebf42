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

const status = createRoute({
  getParentRoute: () => root,
  path: "/status",
  component: lazyRouteComponent(() => import("./status/StatusPage"), "StatusPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([write, dreams, dream, status]),
  defaultPreload: "intent",
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
