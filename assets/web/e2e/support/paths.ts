/** Where things are: the executable, the pulled models, the folder of this run. */
import { mkdirSync, mkdtempSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** `assets/web`. */
const WEB = resolve(import.meta.dirname, "..", "..");

export const EXECUTABLE = resolve(WEB, process.env.ONEIROS_BIN ?? "../../target/release/oneiros");

/** The state directory into which the starter profile was pulled once, as the Makefile names it. */
export const PULLED =
  process.env.ONEIROS_TEST_STATE ??
  (process.getuid?.() === 0
    ? "/var/cache/oneiros-test"
    : join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "oneiros-test"));

/** Screenshots of failures and the servers' logs. */
export const RESULTS = join(WEB, "test-results");

/** A folder for this run, shared by the runner and its workers. */
export function runFolder(): string {
  if (process.env.ONEIROS_E2E_RUN === undefined) {
    process.env.ONEIROS_E2E_RUN = mkdtempSync("/tmp/oneiros-e2e-");
  }
  mkdirSync(process.env.ONEIROS_E2E_RUN, { recursive: true });
  return process.env.ONEIROS_E2E_RUN;
}

/** What the fake microphone plays. */
export const spokenDream = (): string => join(runFolder(), "dream.wav");
