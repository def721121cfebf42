import { expect, test } from "vitest";

import type { Account } from "../../api/client";
import { profileChange } from "./profile";

const account: Account = {
  id: "0191",
  name: "maryam",
  email: "m@example.org",
  role: "user",
  has_password: true,
  language: null,
  time_zone: "Asia/Amman",
  place: null,
  created_at: "2026-01-01T00:00:00Z",
};

test("only what differs is sent, and what was emptied is cleared", () => {
  const texts = { email: " ", language: "ar", time_zone: "Asia/Amman ", place: "" };
  expect(profileChange(account, texts)).toEqual({ email: null, language: "ar" });
});
