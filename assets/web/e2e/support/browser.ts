/** How Debian's Chromium is started. Never a browser that a package downloads. */
import type { LaunchOptions } from "@playwright/test";

import { spokenDream } from "./paths";

/** Names that a test may look up: this machine's alone, so that a request elsewhere fails even before a test sees it. */
const NOWHERE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost";

export type Microphone = "speaks" | "denied";

export function chromiumLaunch(microphone: Microphone = "speaks"): LaunchOptions {
  const device = ["--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${spokenDream()}`];
  return {
    executablePath: process.env.PLAYWRIGHT_CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    chromiumSandbox: process.getuid?.() !== 0,
    args: [NOWHERE, ...device, ...(microphone === "speaks" ? ["--use-fake-ui-for-media-stream"] : [])],
  };
}
