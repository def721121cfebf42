import { expect, test } from "vitest";

import { certificateBytes, fingerprint } from "./fingerprint";

const pem = (base64: string) => `-----BEGIN CERTIFICATE-----\r\n${base64}\r\n-----END CERTIFICATE-----\r\n`;

test("a certificate's bytes are what stands between its lines", () => {
  expect(certificateBytes(pem("AQID\nBA=="))).toEqual(new Uint8Array([1, 2, 3, 4]));
  expect(certificateBytes("<!doctype html>")).toBeNull();
});

test("its fingerprint is written as OpenSSL writes it", async () => {
  // printf abc | sha256sum
  const expected = "BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD";
  expect(await fingerprint(pem("YWJj"))).toBe(expected);
  expect(await fingerprint("nothing")).toBeNull();
});
