/** What people with accounts do on the pages, in English. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, type Locator, type Page } from "@playwright/test";

/** Whoever can read this file of a fresh server makes its first account. */
export const setUpToken = (state: string): string => readFileSync(join(state, "setup-token"), "utf8").trim();

export interface Person {
  name: string;
  password: string;
}

export const passwordField = (page: Page | Locator): Locator => page.getByLabel("Password", { exact: true });

export const logInPage = (page: Page): Locator => page.getByRole("heading", { name: "Log in", level: 1 });

/** The button with the name of whoever is logged in. */
export const menuButton = (page: Page, { name }: Person): Locator =>
  page.getByRole("banner").getByRole("button", { name: `${name}: account, language and theme` });

/** Fills in the log-in page, wherever it stands. */
export async function fillLogIn(page: Page, { name, password }: Person): Promise<void> {
  await page.getByLabel("Name", { exact: true }).fill(name);
  await passwordField(page).fill(password);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
}

export async function logIn(page: Page, address: string, person: Person): Promise<void> {
  await page.goto(address);
  await fillLogIn(page, person);
  await expect(menuButton(page, person)).toBeVisible();
}

/** From any page; leaves a dialog open where something would be lost. */
export async function logOut(page: Page, person: Person): Promise<void> {
  await menuButton(page, person).click();
  await page.getByRole("dialog").getByRole("button", { name: "Log out", exact: true }).click();
}

/** Makes an invitation on the page for it, and gives its address. */
export async function invite(page: Page, note: string): Promise<string> {
  await page.getByRole("button", { name: "Invite somebody" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Note (optional)").fill(note);
  await dialog.getByRole("button", { name: "Make the invitation" }).click();
  const address = await dialog.getByLabel("Address to hand on").inputValue();
  await dialog.getByRole("button", { name: "Done" }).click();
  return address;
}

/** Creates an account at an invitation's address. */
export async function joinAt(page: Page, address: string, { name, password }: Person): Promise<void> {
  await page.goto(address);
  await page.getByLabel("Name", { exact: true }).fill(name);
  await passwordField(page).fill(password);
  await page.getByRole("button", { name: "Create the account" }).click();
  await expect(menuButton(page, { name, password })).toBeVisible();
}

/** Makes the first account, in no language of its own. */
export async function setUp(page: Page, base: string, state: string, person: Person): Promise<void> {
  await page.goto(`${base}/setup`);
  await page.getByLabel("Set-up token").fill(setUpToken(state));
  await page.getByLabel("Name", { exact: true }).fill(person.name);
  await passwordField(page).fill(person.password);
  await page.getByLabel("Language", { exact: true }).selectOption("Not chosen");
  await page.getByRole("button", { name: "Set it up" }).click();
  await expect(menuButton(page, person)).toBeVisible();
}

/** Sends name and password from the log-in page, whatever its language. */
export async function sendCredentials(page: Page, { name, password }: Person): Promise<void> {
  await page.locator("input[autocomplete=username]").fill(name);
  await page.locator("input[autocomplete=current-password]").fill(password);
  await page.keyboard.press("Enter");
}
