import type { Failure } from "../../api/problem";
import { fromBase64Url, toBase64Url } from "./base64url";

// The browser's part of making and showing passkeys (WebAuthn, level 3). Options and credentials travel as its JSON; for
// browsers that do not write and read that themselves, it is done here.

/** Whether a host is a bare address, which passkeys are never bound to. */
export const isBareAddress = (host: string) => /^[\d.]+$/.test(host) || host.startsWith("[");

/** Whether passkeys can be used on this page at all. */
export const passkeysWork = () => isSecureContext && "PublicKeyCredential" in window && !isBareAddress(location.hostname);

/** Why the browser gave no passkey. */
export function ceremonyFailure(error: unknown): Failure["kind"] {
  const name = error instanceof DOMException ? error.name : "";
  // Whether the person said no or had none, browsers do not tell: a page could learn from it who has an account where.
  if (name === "NotAllowedError" || name === "AbortError") return "passkeyUnshown";
  return name === "InvalidStateError" ? "passkeyKnown" : "passkeyUnfit";
}

/** Has the browser make a passkey; what the box is to be told of it. */
export async function makePasskey(options: object): Promise<Record<string, never>> {
  const publicKey = creationOptions(options as PublicKeyCredentialCreationOptionsJSON);
  return told(await navigator.credentials.create({ publicKey }));
}

/** Has the browser show a passkey; what the box is to be told of it. */
export async function showPasskey(options: object): Promise<Record<string, never>> {
  const publicKey = requestOptions(options as PublicKeyCredentialRequestOptionsJSON);
  return told(await navigator.credentials.get({ publicKey }));
}

function creationOptions(json: PublicKeyCredentialCreationOptionsJSON): PublicKeyCredentialCreationOptions {
  if ("parseCreationOptionsFromJSON" in PublicKeyCredential) return PublicKeyCredential.parseCreationOptionsFromJSON(json);
  // Extensions may hold bytes, each in a way of its own; none is needed.
  return {
    ...(json as object as PublicKeyCredentialCreationOptions),
    extensions: {},
    challenge: fromBase64Url(json.challenge),
    user: { ...json.user, id: fromBase64Url(json.user.id) },
    excludeCredentials: (json.excludeCredentials ?? []).map(descriptor),
  };
}

function requestOptions(json: PublicKeyCredentialRequestOptionsJSON): PublicKeyCredentialRequestOptions {
  if ("parseRequestOptionsFromJSON" in PublicKeyCredential) return PublicKeyCredential.parseRequestOptionsFromJSON(json);
  return {
    ...(json as object as PublicKeyCredentialRequestOptions),
    extensions: {},
    challenge: fromBase64Url(json.challenge),
    allowCredentials: (json.allowCredentials ?? []).map(descriptor),
  };
}

const descriptor = ({ id, ...rest }: PublicKeyCredentialDescriptorJSON) =>
  ({ ...rest, id: fromBase64Url(id) }) as PublicKeyCredentialDescriptor;

function told(credential: Credential | null): Record<string, never> {
  if (!credential) throw new DOMException("the browser gave no credential", "NotAllowedError");
  const passkey = credential as PublicKeyCredential;
  try {
    return passkey.toJSON() as Record<string, never>;
  } catch {
    // There is none in older browsers, and some password managers put one there that fails.
    return byHand(passkey) as object as Record<string, never>;
  }
}

const BYTES = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"] as const;

function byHand({ id, rawId, type, authenticatorAttachment, response }: PublicKeyCredential) {
  const held = response as Partial<Record<(typeof BYTES)[number], ArrayBuffer | null>>;
  const parts = BYTES.flatMap((name) => {
    const bytes = held[name];
    return bytes ? [[name, toBase64Url(bytes)] as const] : [];
  });
  return {
    id,
    rawId: toBase64Url(rawId),
    type,
    authenticatorAttachment,
    response: Object.fromEntries(parts),
    clientExtensionResults: {},
  };
}
