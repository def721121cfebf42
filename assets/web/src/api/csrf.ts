export const CSRF_HEADER = "x-csrf-token";
const CSRF_COOKIE = "__Host-oneiros-csrf";

/** The token that shows a request to come from our own page: only this site's pages can read its cookie. */
export function csrfToken(cookies: string): string | null {
  for (const pair of cookies.split("; ")) {
    const [name, ...value] = pair.split("=");
    if (name === CSRF_COOKIE) return value.join("=") || null;
  }
  return null;
}

/** Whether a request by this method only asks. */
export const onlyAsks = (method: string) => method === "GET" || method === "HEAD";
