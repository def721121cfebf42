import createFetchClient from "openapi-fetch";
import createQueryClient from "openapi-react-query";

import { CSRF_HEADER, csrfToken, onlyAsks } from "./csrf";
import { isProblem } from "./problem";
import { SESSION, queryClient } from "./queries";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Account = Schemas["Account"];
export type ApiKey = Schemas["ApiKey"];
export type Association = Schemas["Association"];
export type AuditEntry = Schemas["AuditEntry"];
export type CareMessage = Schemas["CareMessage"];
export type CareResource = Schemas["CareResource"];
export type CitedSource = Schemas["CitedSource"];
export type Confirmation = Schemas["Confirmation"];
export type DialogTurn = Schemas["DialogTurn"];
export type Dream = Schemas["Dream"];
export type DreamWithReadings = Schemas["DreamWithReadings"];
export type Identity = Schemas["Identity"];
export type Interpretation = Schemas["Interpretation"];
export type Invitation = Schemas["Invitation"];
export type LensId = Schemas["LensId"];
export type LensView = Schemas["LensView"];
export type Limits = Schemas["Limits"];
export type Mood = Schemas["Mood"];
export type NewApiKey = Schemas["NewApiKey"];
export type NewAuthenticator = Schemas["NewAuthenticator"];
export type OneTimeCode = Schemas["OneTimeCode"];
export type Opinion = Schemas["Opinion"];
export type PackView = Schemas["PackView"];
export type Passkey = Schemas["Passkey"];
/** The document says of `care` only that it is an object: errors know nothing of what features say. */
export type Problem = Omit<Schemas["Problem"], "care"> & { care?: Schemas["CareMessage"] };
export type ProfileChange = Schemas["ProfileChange"];
export type RegistrationRequest = Schemas["RegistrationRequest"];
export type Role = Schemas["Role"];
export type Scope = Schemas["Scope"];
export type SecondFactor = Schemas["SecondFactor"];
export type Session = Schemas["Session"];
export type SessionState = Schemas["SessionState"];
export type Settings = Schemas["Settings"];
export type SetupRequest = Schemas["SetupRequest"];
export type SimilarDream = Schemas["SimilarDream"];
export type Step = Schemas["Step"];
export type SymbolTheme = Schemas["SymbolTheme"];
export type SystemReport = Schemas["SystemReport"];
export type Tradition = Schemas["Tradition"];
export type Transcription = Schemas["Transcription"];
export type User = Schemas["User"];
export type WaitingEvent = Schemas["WaitingEvent"];

/** For streams and uploads; see `events.ts`. */
export const client = createFetchClient<paths>({ baseUrl: "/" });

/** Refusals that say that the session is not what the page takes it for. */
const STALE_SESSION = ["/problems/unauthenticated", "/problems/second-factor-missing"];

async function saysOtherSession(response: Response): Promise<boolean> {
  if (response.status !== 401 && response.status !== 403) return false;
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => null);
  return isProblem(body) && STALE_SESSION.includes(body.type);
}

// Every request of the page goes through here, streams and uploads too.
client.use({
  onRequest({ request }) {
    const token = csrfToken(document.cookie);
    if (token !== null && !onlyAsks(request.method)) request.headers.set(CSRF_HEADER, token);
  },
  async onResponse({ response }) {
    // Whoever is no longer signed in gets the log-in page, wherever it was noticed; whoever lacks a second factor, the way to one.
    if (await saysOtherSession(response)) void queryClient.invalidateQueries({ queryKey: SESSION });
  },
});

/** Typed TanStack Query hooks for every JSON operation: `api.useQuery("get", "/api/v1/dreams")`. */
export const api = createQueryClient(client);
