import { expect, test } from "vitest";

import type { LensView } from "../api/client";
import { groundOf, lensAbout, lensName } from "./words";

const lens = (names: Record<string, string>): LensView => ({
  id: "sailors",
  builtin: false,
  kind: "tradition",
  names,
  about: names,
  languages: ["en"],
  sources: [],
});

test("a lens is named in the page's language, else in English, else by its id", () => {
  expect(lensName(lens({ en: "Sailors", ru: "Моряки" }), "ru")).toBe("Моряки");
  expect(lensName(lens({ en: "Sailors" }), "ar")).toBe("Sailors");
  expect(lensName(lens({}), "ar")).toBe("sailors");
  expect(lensAbout(lens({}), "ar")).toBe("");
});

test("only what research alone bears out is told as science", () => {
  expect(groundOf([{ kind: "science" }, { kind: "science" }])).toBe("science");
  expect(groundOf([{ kind: "science" }, { kind: "tradition" }])).toBe("tradition");
  expect(groundOf([])).toBe("tradition");
});
