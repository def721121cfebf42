/** An authenticator app, and a device that keeps passkeys. */
import { createHmac } from "node:crypto";

import type { Page } from "@playwright/test";

const STEP_MS = 30_000;
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

function fromBase32(text: string): Buffer {
  const bits = Array.from(text)
    .map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, "0"))
    .join("");
  const bytes = bits.match(/.{8}/g) ?? [];
  return Buffer.from(bytes.map((byte) => parseInt(byte, 2)));
}

/** The code of a step of time: TOTP (RFC 6238) with SHA-1 and six digits, on HOTP (RFC 4226, section 5.3). */
function codeOf(secret: Buffer, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac("sha1", secret).update(counter).digest();
  const offset = digest.readUInt8(digest.length - 1) & 0xf;
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

export class Authenticator {
  private readonly secret: Buffer;
  private last = 0;

  /** Takes a secret in groups, as the page shows it. */
  constructor(shown: string) {
    this.secret = fromBase32(shown.replaceAll(/\s/g, ""));
  }

  /** The next code that a box takes: it takes none twice, and none of more than one step ahead. May take half a minute. */
  async code(): Promise<string> {
    const now = (): number => Math.floor(Date.now() / STEP_MS);
    this.last = Math.max(this.last + 1, now());
    while (this.last > now() + 1) {
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    return codeOf(this.secret, this.last);
  }
}

/** Gives a page's browser a device that keeps passkeys and knows its person at once, for as long as the page is there. */
export async function keepsPasskeys(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send("WebAuthn.enable");
  await session.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
}
