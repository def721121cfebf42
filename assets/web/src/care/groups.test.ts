import { expect, test } from "vitest";

import { dialled, groupByCountry, spokenAddress } from "./groups";

const at = (country: string, name: string) => ({ country, name });

test("the person's own country comes first, then everywhere, then others as they came", () => {
  const resources = [at("DE", "a"), at("", "b"), at("EG", "c"), at("DE", "d"), at("FR", "e")];
  const names = (own: string | null) =>
    groupByCountry(resources, own).map((group) => [group.country, ...group.resources.map((one) => one.name)]);
  expect(names("EG")).toEqual([
    ["EG", "c"],
    ["", "b"],
    ["DE", "a", "d"],
    ["FR", "e"],
  ]);
  expect(names(null)).toEqual([
    ["", "b"],
    ["DE", "a", "d"],
    ["EG", "c"],
    ["FR", "e"],
  ]);
  expect(groupByCountry([], "EG")).toEqual([]);
});

test("a number is dialled without what only people read", () => {
  expect(dialled("+49 (800) 111-0-111")).toBe("tel:+498001110111");
  expect(dialled("*16#")).toBe("tel:*16%23");
  expect(dialled("ask at your door")).toBeNull();
});

test("only addresses of web pages become links", () => {
  expect(spokenAddress("https://www.example.org/")).toBe("example.org");
  expect(spokenAddress("https://example.org/help/")).toBe("example.org/help");
  expect(spokenAddress("javascript:alert(1)")).toBeNull();
  expect(spokenAddress("not an address")).toBeNull();
});
