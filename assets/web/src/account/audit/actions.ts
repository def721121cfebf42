/** What the box writes down, with the name of its words in the catalogues. */
export const actions = [
  ["setup", "setup"],
  ["login", "login"],
  ["login-refused", "loginRefused"],
  ["logout", "logout"],
  ["password-changed", "passwordChanged"],
  ["password-reset", "passwordReset"],
  ["session-revoked", "sessionRevoked"],
  ["key-created", "keyCreated"],
  ["key-revoked", "keyRevoked"],
  ["key-new-address", "keyNewAddress"],
  ["registered", "registered"],
  ["invited", "invited"],
  ["invitation-withdrawn", "invitationWithdrawn"],
  ["role-changed", "roleChanged"],
  ["suspended", "suspended"],
  ["reinstated", "reinstated"],
  ["denied", "denied"],
  ["settings-changed", "settingsChanged"],
  ["exported", "exported"],
  ["erased", "erased"],
  ["second-factor-added", "secondFactorAdded"],
  ["second-factor-removed", "secondFactorRemoved"],
  ["recovery-code-used", "recoveryCodeUsed"],
  ["recovery-codes-made", "recoveryCodesMade"],
  ["passkey-added", "passkeyAdded"],
  ["passkey-removed", "passkeyRemoved"],
  ["identity-added", "identityAdded"],
  ["identity-removed", "identityRemoved"],
  ["token-reused", "tokenReused"],
  ["egress", "egress"],
  ["pack.import", "packImported"],
  ["pack.remove", "packRemoved"],
] as const;

/** The name of an action's words; of one that this page is too old to know, none. */
export const actionWords = (action: string) => actions.find(([known]) => known === action)?.[1];

/** What is told beside an action, as `name: value`, for whoever knows the box well. */
export function detailLines(detail: Readonly<Record<string, unknown>>): string[] {
  const told = Object.entries(detail).filter(([, value]) => value !== null && value !== "");
  return told.map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
}
