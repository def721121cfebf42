/** What language the visible words of a page are in. */
import type { Page } from "@playwright/test";

/** Names and commands that are written in Latin letters in every language. */
const NAMES = [
  "Oneiros",
  "Landlock",
  "Linux",
  "PostgreSQL",
  "ONNX",
  "TCP",
  "HTTPS",
  "localhost",
  "Ctrl",
  "Enter",
  "API",
  "TOTP",
  "PIN",
  "QR",
  "TOML",
];

/**
 * Latin words that a person sees or hears, of the page's own language. Left out: what is marked as another language or
 * as not to be translated (ids, licences, hosts), {@link NAMES}, and `data`: names that a label repeats.
 */
export async function foreignWords(page: Page, data: string[] = []): Promise<string[]> {
  const texts = await page.evaluate(() => {
    const own = document.documentElement.lang;
    const apart = (element: Element): boolean =>
      element.closest("[translate=no], code, kbd, script, style") !== null ||
      element.closest("[lang]")?.getAttribute("lang") !== own;
    const found: string[] = [document.title];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const parent = walker.currentNode.parentElement;
      if (parent !== null && !apart(parent) && parent.checkVisibility()) {
        found.push(walker.currentNode.textContent ?? "");
      }
    }
    for (const element of document.querySelectorAll("[aria-label], [placeholder], [title], [alt]")) {
      if (!apart(element)) {
        const names = ["aria-label", "placeholder", "title", "alt"].map((name) => element.getAttribute(name));
        found.push(...names.filter((name) => name !== null));
      }
    }
    return found;
  });
  const known = new RegExp(`\\b(${NAMES.join("|")})\\b|--[a-z-]+|\\boneiros models import FILE\\b`, "g");
  // One name may begin another: the longest goes first.
  const longestFirst = data.toSorted((left, right) => right.length - left.length);
  const without = (text: string): string =>
    longestFirst.reduce((left, name) => left.replaceAll(name, ""), text).replace(known, "");
  return texts.filter((text) => /[A-Za-z]{2,}/.test(without(text)));
}

/** Share of the letters that are of a script, 0 to 1. */
export function shareOfScript(text: string, letter: RegExp): number {
  const letters = text.match(/\p{L}/gu) ?? [];
  return letters.filter((character) => letter.test(character)).length / Math.max(letters.length, 1);
}
