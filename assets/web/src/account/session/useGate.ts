import { useRouterState } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";

import type { SessionState } from "../../api/client";
import { useSession } from "../api";
import { gateOf } from "./gate";
import type { Gate } from "./gate";
import { lastStage, remember } from "./memory";

/** How long a first answer is waited for before the page goes on as last known, in milliseconds. */
const PATIENCE = 1_500;

/** What the visitor gets, and who that is as far as the box has said. `adding`: see `gateOf`. */
export function useGate(adding: boolean): { gate: Gate; session: SessionState | undefined } {
  const { data: session, isPending } = useSession();
  const patient = usePatience();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const [last] = useState(lastStage);
  useEffect(() => {
    if (session) remember(session);
  }, [session]);
  useNobodyElse(session?.account?.id);
  return { gate: gateOf({ session, waiting: isPending && patient, last, adding, path }), session };
}

function usePatience(): boolean {
  const [patient, setPatient] = useState(true);
  useEffect(() => {
    const timer = setTimeout(() => setPatient(false), PATIENCE);
    return () => clearTimeout(timer);
  }, []);
  return patient;
}

/** When another tab has changed who is signed in, this one begins anew: nothing of the former person stays in its memory. */
function useNobodyElse(id: string | undefined): void {
  const before = useRef(id);
  useEffect(() => {
    if (id && before.current && before.current !== id) location.reload();
    before.current = id;
  }, [id]);
}
