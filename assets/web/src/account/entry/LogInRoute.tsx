import { Navigate } from "@tanstack/react-router";

import { useSession } from "../api";
import { LogInPage } from "./LogInPage";

/** The log-in page by its own address: whoever needs none is led on. */
export function LogInRoute() {
  const { data: session } = useSession();
  if (session?.stage === "unclaimed") return <Navigate to="/setup" replace />;
  if (session?.account) return <Navigate to="/" replace />;
  return <LogInPage />;
}
