/** The bytes of the first certificate in a PEM file (RFC 7468); of anything else, none. */
export function certificateBytes(pem: string): Uint8Array<ArrayBuffer> | null {
  const base64 = /-----BEGIN CERTIFICATE-----([\sA-Za-z0-9+/=]+)-----END CERTIFICATE-----/.exec(pem)?.[1];
  return base64 === undefined ? null : Uint8Array.from(atob(base64.replace(/\s/g, "")), (character) => character.charCodeAt(0));
}

/** Its SHA-256, as `openssl x509 -fingerprint` writes it. Null where it cannot be worked out: only secure pages may. */
export async function fingerprint(pem: string): Promise<string | null> {
  const bytes = certificateBytes(pem);
  const subtle = crypto.subtle as SubtleCrypto | undefined;
  if (!bytes || !subtle) return null;
  const digest = new Uint8Array(await subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0").toUpperCase()).join(":");
}
