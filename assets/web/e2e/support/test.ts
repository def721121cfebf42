/**
 * The test function of every browser test. Whatever else a test looks at, it fails when the page asks another server
 * for anything, breaks the content security policy, or reports an error to the console.
 */
import { type BrowserContext, test as base } from "@playwright/test";

import { Api } from "./api";
import { tail } from "./appliance";

interface Fixtures {
  api: Api;
  /** Console errors that the test brings about on purpose, such as an answer of 503. */
  tolerated: RegExp[];
  /** Origins that may be asked: the shared server's, and those of servers that a test starts. */
  origins: Set<string>;
  watched: undefined;
}

export const test = base.extend<Fixtures>({
  tolerated: [[], { option: true }],

  origins: async ({ baseURL }, use) => {
    await use(new Set([new URL(baseURL ?? "").origin]));
  },

  api: async ({ baseURL }, use) => {
    await use(new Api(baseURL ?? ""));
  },

  watched: [
    async ({ context, origins, tolerated }, use, information) => {
      const faults = watch(context, origins, tolerated);
      await use(undefined);
      const log = process.env.ONEIROS_E2E_LOG;
      if (information.status !== information.expectedStatus && log !== undefined) {
        await information.attach("server.log", { body: tail(log), contentType: "text/plain" });
      }
      if (faults.length > 0) {
        throw new Error(`The page did what no page of ours may:\n${faults.join("\n")}`);
      }
    },
    { auto: true },
  ],
});

function watch(context: BrowserContext, origins: Set<string>, tolerated: RegExp[]): string[] {
  const faults: string[] = [];
  context.on("request", (request) => {
    const url = new URL(request.url());
    const local = url.protocol === "blob:" || url.protocol === "data:";
    if (!local && !origins.has(url.origin)) {
      faults.push(`asked another origin: ${request.method()} ${request.url()}`);
    }
  });
  context.on("console", (message) => {
    const text = `${message.text()} (${message.location().url})`;
    const policy = /content security policy/i.test(text);
    const wanted = message.type() === "error" || policy;
    if (wanted && (policy || !tolerated.some((pattern) => pattern.test(text)))) {
      faults.push(`console: ${text}`);
    }
  });
  context.on("weberror", (error) => faults.push(`uncaught: ${error.error().message}`));
  return faults;
}

export { expect } from "@playwright/test";
