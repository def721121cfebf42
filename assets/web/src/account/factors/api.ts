import { api, client } from "../../api/client";
import type { Confirmation, Schemas, SessionState } from "../../api/client";
import type { paths } from "../../api/schema";
import { FailedCall, useCall } from "../call";
import type { Answered } from "../call";
import { ceremonyFailure, makePasskey, showPasskey } from "./webauthn";

// Every call about ways in beside the password: authenticators, passkeys, recovery codes, a provider of identities.

/** A first second factor ends other sessions; the last one's going may close all else to the person. */
const FACTORS = [
  "/api/v1/account/second-factor",
  "/api/v1/account/sessions",
  "/api/v1/session",
] as const satisfies (keyof paths)[];
const IDENTITIES = ["/api/v1/account/identities"] as const satisfies (keyof paths)[];

/** The browser's part: when it comes to nothing, the page says so in its own words. */
async function browsersPart(part: Promise<Record<string, never>>): Promise<Record<string, never>> {
  try {
    return await part;
  } catch (error) {
    throw new FailedCall({ kind: ceremonyFailure(error) });
  }
}

/** A whole log-in by a passkey: no name, no password. */
export const usePasskeyLogIn = () =>
  useCall(async (): Promise<Answered<SessionState>> => {
    const begun = await client.POST("/api/v1/session/passkey/challenge");
    if (!begun.data) return begun;
    const { ceremony, options } = begun.data;
    const credential = await browsersPart(showPasskey(options));
    return client.POST("/api/v1/session/passkey", { body: { ceremony, credential } });
  });

/** Begins a log-in elsewhere. */
export const useProviderLogIn = () => useCall(() => client.POST("/api/v1/session/provider"));

export const useSecondFactor = () => api.useQuery("get", "/api/v1/account/second-factor", {});

export const useOfferAuthenticator = () =>
  useCall((body: Confirmation) => client.POST("/api/v1/account/authenticator", { body }));
export const useConfirmAuthenticator = () =>
  useCall((body: Schemas["AuthenticatorCode"]) => client.POST("/api/v1/account/authenticator/confirmation", { body }), FACTORS);
export const useRemoveAuthenticator = () =>
  useCall((body: Confirmation) => client.POST("/api/v1/account/authenticator/removal", { body }), FACTORS);

export const useRenewCodes = () =>
  useCall((body: Confirmation) => client.POST("/api/v1/account/recovery-codes", { body }), FACTORS);

export const useAddPasskey = () =>
  useCall(async ({ name, ...body }: { name: string } & Confirmation): Promise<Answered<Schemas["NewPasskey"]>> => {
    const begun = await client.POST("/api/v1/account/passkeys/challenge", { body });
    if (!begun.data) return begun;
    const { ceremony, options } = begun.data;
    const credential = await browsersPart(makePasskey(options));
    return client.POST("/api/v1/account/passkeys", { body: { ceremony, name, credential } });
  }, FACTORS);
export const useRemovePasskey = (id: string) =>
  useCall(
    (body: Confirmation) => client.POST("/api/v1/account/passkeys/{id}/removal", { params: { path: { id } }, body }),
    FACTORS,
  );

export const useIdentities = () => api.useQuery("get", "/api/v1/account/identities", {});
/** Begins to link the account with one elsewhere. */
export const useLinkIdentity = () => useCall((body: Confirmation) => client.POST("/api/v1/account/identities", { body }));
export const useUnlinkIdentity = (id: string) =>
  useCall(
    (body: Confirmation) => client.POST("/api/v1/account/identities/{id}/removal", { params: { path: { id } }, body }),
    IDENTITIES,
  );

/** For somebody who lost theirs. */
export const useRemoveFactorsOf = (id: string) =>
  useCall(() => client.POST("/api/v1/users/{id}/second-factor/removal", { params: { path: { id } } }), ["/api/v1/users"]);
