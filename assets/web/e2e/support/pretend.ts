/** States of a box and its people that are tedious to bring about: the page is told of them, the box knows nothing. */
import type { Page } from "@playwright/test";

/** From its next load on, what the page hears of its session differs from what the box says. */
export async function pretendSession(page: Page, difference: object): Promise<void> {
  await page.addInitScript((told) => {
    const ask = window.fetch.bind(window);
    window.fetch = async (input, init) => {
      const answer = await ask(input, init);
      const address = new URL(input instanceof Request ? input.url : input, location.href);
      if (address.pathname !== "/api/v1/session" || answer.status !== 200) {
        return answer;
      }
      return new Response(JSON.stringify({ ...((await answer.json()) as object), ...told }), answer);
    };
  }, difference);
}

/** Whoever sends name and password is asked for a code, until the answer is called. */
export async function pretendCodeNeeded(page: Page): Promise<() => Promise<void>> {
  const problem = { type: "/problems/second-factor-needed", title: "A code is needed, too", status: 401, detail: "" };
  await page.route("**/api/v1/session", (route) =>
    route.request().method() === "POST" ? route.fulfill({ status: 401, json: problem }) : route.fallback(),
  );
  return () => page.unroute("**/api/v1/session");
}

/** The first code of an authenticator app is right, whatever it is. */
export async function pretendFirstCode(page: Page): Promise<void> {
  const codes = Array.from({ length: 10 }, (_, index) => `abcd-efgh-jkmn-pq${String(index + 10)}`);
  await page.route("**/authenticator/confirmation", (route) => route.fulfill({ json: { codes } }));
}

/** A person who has every second factor that there is. */
export async function pretendFactors(page: Page): Promise<void> {
  const passkeys = [{ id: "01", name: "my phone", created_at: "2026-01-01T00:00:00Z", last_used_at: "2026-02-01T12:00:00Z" }];
  await page.route("**/account/second-factor", (route) =>
    route.fulfill({ json: { authenticator: true, passkeys, recovery_codes_left: 3, required: true } }),
  );
}
