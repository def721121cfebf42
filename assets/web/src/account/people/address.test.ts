import { expect, test } from "vitest";

import { codeIn } from "../code";
import { addressWith, isLoopback } from "./address";

test("what an address carries is what its page reads", () => {
  const address = addressWith("https://dreams.example", "/join", "a+b/c=");
  expect(address).toBe("https://dreams.example/join#a%2Bb%2Fc%3D");
  expect(codeIn(new URL(address).hash)).toBe("a+b/c=");
});

test("this machine's own names are known", () => {
  expect(["localhost", "127.0.0.1", "127.1.2.3", "[::1]"].every(isLoopback)).toBe(true);
  expect(["dreams.local", "192.168.1.7", "127.example.org"].some(isLoopback)).toBe(false);
});
