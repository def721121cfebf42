/** A long secret in groups of four, for whoever reads it off and types it. */
export const inFours = (secret: string) => secret.match(/.{1,4}/g)?.join(" ") ?? "";
