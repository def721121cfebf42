/** The code that an address carries after its `#`, which browsers send to nobody. */
export function codeIn(hash: string): string | null {
  const raw = hash.replace(/^#/, "");
  try {
    return decodeURIComponent(raw).trim() || null;
  } catch {
    // No encoding of anything: as it stands.
    return raw.trim() || null;
  }
}
