import { expect, test } from "vitest";

import { formats } from "./format";

test("lengths of time read as on a clock", () => {
  const { clock } = formats("en-GB");
  expect([0, 7_000, 187_900, 3_729_000].map(clock)).toEqual(["0:00", "0:07", "3:07", "1:02:09"]);
  expect(formats("ar-EG").clock(187_000)).toBe("٣:٠٧");
});

test("sizes are in the largest unit that fits", () => {
  const { bytes } = formats("en-GB");
  expect([0, 999, 105_454_432, 1_500_000_000].map(bytes)).toEqual(["0 byte", "999 byte", "105 MB", "1.5 GB"]);
});
