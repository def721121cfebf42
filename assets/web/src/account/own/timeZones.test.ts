import { expect, test } from "vitest";

import { isTimeZone, timeZones } from "./timeZones";

test("every zone that is offered is taken", () => {
  expect(timeZones().length).toBeGreaterThan(100);
  expect(timeZones().every(isTimeZone)).toBe(true);
});

test("a zone that nobody knows is not, nor is a bare difference", () => {
  expect(["Europe/Atlantis", "", "+03:00", "my home"].some(isTimeZone)).toBe(false);
});
