import type { Browser, Page } from "@playwright/test";

import { Appliance } from "./support/appliance";
import { violations } from "./support/axe";
import { filesHolding } from "./support/disk";
import { animationsEnded, dreamField, write } from "./support/page";
import {
  fillLogIn,
  invite,
  joinAt,
  logIn,
  logInPage,
  logOut,
  menuButton,
  passwordField,
  sendCredentials,
  setUpToken,
  type Person,
} from "./support/people";
import { expect, test } from "./support/test";
import { foreignWords } from "./support/words";

// One box from its set-up on: each test goes on where the one before ended.
test.describe.configure({ mode: "serial" });
test.use({ tolerated: [/status of (401|403|404|409|422|503)/] });

const NARROW = { width: 320, height: 640 };

const admin: Person = { name: "noor", password: "seven quiet lanterns" };
const guest: Person = { name: "ilya", password: "a bridge of blue glass" };
const leaver: Person = { name: "samphire", password: "paper boats at midnight" };

/** In Latin letters whatever the language: people, their notes, and what their browser calls itself. */
const NAMES = [admin.name, guest.name, leaver.name, "for Ilya", "for nobody", "for Sam", "Chrome", "Safari", "Linux"];

let box: Appliance;

test.beforeAll(async () => {
  test.setTimeout(240_000);
  box = await Appliance.start({ name: "accounts" });
  await box.ready();
});

test.afterAll(async () => {
  await box.stop();
});

test.beforeEach(({ origins }) => {
  origins.add(box.base);
});

/** Another person's browser. */
async function otherBrowser(browser: Browser, locale = "en-GB"): Promise<Page> {
  const context = await browser.newContext({ locale });
  return context.newPage();
}

/** No fault of accessibility, no word of another language, and nothing cut off at the side of a narrow phone. */
async function look(page: Page, address: string, locale: string): Promise<void> {
  await page.goto(`${box.base}${address}`);
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await page.waitForLoadState("networkidle");
  await animationsEnded(page);
  expect(await violations(page), address).toEqual([]);
  if (locale !== "en") {
    expect(await foreignWords(page, NAMES), address).toEqual([]);
  }
  const size = page.viewportSize();
  await page.setViewportSize(NARROW);
  expect(await page.evaluate(() => document.documentElement.scrollWidth), address).toBeLessThanOrEqual(NARROW.width);
  if (size) {
    await page.setViewportSize(size);
  }
}

async function lookInEveryLanguage(browser: Browser, addresses: string[], person?: Person): Promise<void> {
  for (const locale of ["en", "ru", "ar"]) {
    const page = await otherBrowser(browser, locale);
    if (person) {
      await page.goto(`${box.base}/`);
      await sendCredentials(page, person);
      await expect(page.getByRole("navigation")).toBeVisible();
    }
    for (const address of addresses) {
      await look(page, address, locale);
    }
    await page.context().close();
  }
}

test("a box without accounts says so, works, and has a page to set it up", async ({ page, browser }) => {
  await page.goto(`${box.base}/`);
  await expect(page.getByText("No accounts yet: whoever sits at this machine uses it.")).toBeVisible();
  await expect(dreamField(page)).toBeEditable();
  await lookInEveryLanguage(browser, ["/", "/setup", "/account", "/people", "/audit"]);
});

test("it is set up with its token alone", async ({ page }) => {
  await page.goto(`${box.base}/`);
  await page.getByRole("link", { name: "Set it up" }).click();
  await expect(page.getByRole("heading", { name: "Set up this box" })).toBeFocused();
  await page.getByLabel("Set-up token").fill("not-the-token");
  await page.getByLabel("Name", { exact: true }).fill(admin.name);
  await passwordField(page).fill("short");
  await page.getByRole("button", { name: "Set it up" }).click();
  await expect(page.getByText("It needs at least 10 characters.")).toBeVisible();
  await passwordField(page).fill(admin.password);
  await page.getByRole("button", { name: "Set it up" }).click();
  await expect(page.getByText("This is not the set-up token of this box.")).toBeVisible();
  // In no language of the account's own: these tests look at the pages in several.
  await page.getByLabel("Language", { exact: true }).selectOption("Not chosen");
  await page.getByLabel("Set-up token").fill(setUpToken(box.state));
  await page.getByRole("button", { name: "Set it up" }).click();
  await expect(menuButton(page, admin)).toBeVisible();
  await expect(page.getByText("No accounts yet")).toHaveCount(0);
  await expect(dreamField(page)).toBeVisible();
});

test("whoever is not logged in gets the log-in page and no other", async ({ page, browser }) => {
  for (const address of ["/", "/dreams", "/status", "/account", "/people", "/audit", "/login"]) {
    await page.goto(`${box.base}${address}`);
    await expect(logInPage(page)).toBeVisible();
    await expect(page.getByRole("navigation")).toHaveCount(0);
  }
  await page.goto(`${box.base}/setup`);
  await expect(page.getByRole("heading", { name: "This box is set up already" })).toBeVisible();
  await page.goto(`${box.base}/join`);
  await expect(page.getByRole("heading", { name: "This box is closed" })).toBeVisible();
  await lookInEveryLanguage(browser, ["/", "/setup", "/join", "/join#CODE", "/reset", "/reset#CODE", "/trust"]);
});

test("a wrong password is told without saying what was wrong, the right one leads to where one was", async ({ page }) => {
  await page.goto(`${box.base}/dreams`);
  const wrong = page.getByText("Name and password do not belong together.");
  await fillLogIn(page, { ...admin, password: "seven loud lanterns" });
  await expect(wrong).toBeVisible();
  await fillLogIn(page, { name: "nobody-here", password: admin.password });
  await expect(wrong).toBeVisible();
  await fillLogIn(page, admin);
  await expect(page.getByRole("heading", { name: "Your dreams", level: 1 })).toBeVisible();
  await expect(page).toHaveURL(`${box.base}/dreams`);
});

test("how to trust the box can be read before logging in, in every language", async ({ page, browser }) => {
  await page.goto(`${box.base}/`);
  await page.getByRole("link", { name: "Trust this box" }).click();
  await expect(page.getByText("There is nothing to do")).toBeVisible();
  const pem = "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n";
  for (const locale of ["en", "ru", "ar"]) {
    const other = await otherBrowser(browser, locale);
    // As a box answers that vouches for itself.
    await other.route("**/authority.pem", (route) => route.fulfill({ contentType: "application/x-pem-file", body: pem }));
    await look(other, "/trust", locale);
    await expect(other.getByRole("region")).toHaveCount(7);
    await expect(other.getByText("BA:78:16:BF:8F:01")).toBeVisible();
    await expect(other.getByRole("main").getByRole("link")).toHaveAttribute("href", "/authority.pem");
    await other.context().close();
  }
});

test("a password can be looked at while it is typed", async ({ page }) => {
  await page.goto(`${box.base}/`);
  await passwordField(page).fill(admin.password);
  await expect(passwordField(page)).toHaveAttribute("type", "password");
  await page.getByRole("button", { name: "Show the password" }).click();
  await expect(passwordField(page)).toHaveAttribute("type", "text");
});

test("logging out asks before a draft goes, and leaves nothing", async ({ page }) => {
  await logIn(page, `${box.base}/`, admin);
  await write(page, "I stood before a door that was also a tree.");
  await logOut(page, admin);
  const dialog = page.getByRole("dialog", { name: "Log out and lose this?" });
  await dialog.getByRole("button", { name: "Stay" }).click();
  await expect(dreamField(page)).toHaveValue("I stood before a door that was also a tree.");
  await logOut(page, admin);
  await dialog.getByRole("button", { name: "Log out and delete" }).click();
  await expect(logInPage(page)).toBeFocused();
  const kept = await page.evaluate(() => Object.keys(localStorage).filter((key) => /draft|person/.test(key)));
  expect(kept).toEqual([]);
  await fillLogIn(page, admin);
  await expect(dreamField(page)).toHaveValue("");
});

test("an invited person joins; suspended, that person lands at the log-in page", async ({ page, browser }) => {
  await logIn(page, `${box.base}/people`, admin);
  const address = await invite(page, "for Ilya");
  const other = await otherBrowser(browser);
  await joinAt(other, address, guest);
  // The code is in no history.
  expect(new URL(other.url()).hash).toBe("");
  await menuButton(other, guest).click();
  await expect(other.getByRole("link", { name: "Your account" })).toBeVisible();
  await expect(other.getByRole("link", { name: "People", exact: true })).toHaveCount(0);
  await other.keyboard.press("Escape");
  await other.goto(`${box.base}/people`);
  await expect(other.getByText("Only admins of this box can see this page.")).toBeVisible();
  await other.goto(`${box.base}/status`);
  await expect(other.getByText("Operators and admins of this box fetch and remove models.")).toBeVisible();

  const again = await otherBrowser(browser);
  await again.goto(address);
  await again.getByLabel("Name", { exact: true }).fill("someone-else");
  await passwordField(again).fill(guest.password);
  await again.getByRole("button", { name: "Create the account" }).click();
  await expect(again.getByText("This invitation does not hold")).toBeVisible();
  await again.context().close();

  await page.reload();
  await page.getByRole("button", { name: `Suspend ${guest.name}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Suspend" }).click();
  await expect(page.getByText("Suspended", { exact: true })).toBeVisible();
  // By itself: the page hears that its session has ended.
  await expect(logInPage(other)).toBeVisible();
  await page.getByRole("button", { name: `Let ${guest.name} in again` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Let in again" }).click();
  await expect(page.getByText("Suspended", { exact: true })).toHaveCount(0);
  await fillLogIn(other, guest);
  await expect(menuButton(other, guest)).toBeVisible();
  await other.context().close();
});

test("an invitation can be withdrawn, and a role changed", async ({ page }) => {
  await logIn(page, `${box.base}/people`, admin);
  await invite(page, "for nobody");
  await page.getByRole("button", { name: "Withdraw the invitation for nobody" }).click();
  await expect(page.getByRole("button", { name: "Withdraw the invitation for nobody" })).toHaveCount(0);
  await expect(page.getByRole("heading", { name: "Invitations" })).toBeFocused();
  const row = page.getByRole("region", { name: "Accounts" }).getByRole("listitem").filter({ hasText: guest.name });
  await row.getByRole("combobox").selectOption("Imam");
  await row.getByRole("button", { name: "Change the role" }).click();
  // It says something else while the box is being told.
  await expect(row.getByRole("button", { name: /^(Change the role|One moment…)$/ })).toHaveCount(0);
  await page.reload();
  await expect(row.getByRole("combobox")).toHaveValue("imam");
});

test("a forgotten password is set anew at an address from an admin", async ({ page, browser }) => {
  await logIn(page, `${box.base}/people`, admin);
  await page.getByRole("button", { name: `Let ${guest.name} choose a new password` }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Make the address" }).click();
  const address = await dialog.getByLabel("Address for a new password").inputValue();
  const other = await otherBrowser(browser);
  await other.goto(address);
  guest.password = "a bridge of green glass";
  await other.getByLabel("New password").fill(guest.password);
  await other.getByRole("button", { name: "Set the password" }).click();
  await expect(other.getByRole("heading", { name: "The new password holds" })).toBeFocused();
  await other.getByRole("link", { name: "Log in" }).click();
  await fillLogIn(other, guest);
  await expect(menuButton(other, guest)).toBeVisible();
  await other.context().close();
});

test("the profile is empty until it is filled in, and stays as it was saved", async ({ page }) => {
  await logIn(page, `${box.base}/account`, guest);
  const zone = page.getByLabel("Time zone");
  await expect(zone).toHaveValue("");
  await zone.fill("Nowhere/Land");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("There is no such time zone.")).toBeVisible();
  await zone.fill("Asia/Amman");
  await page.getByLabel("Place, for the moon").fill("Amman");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved.")).toBeVisible();
  await page.reload();
  await expect(zone).toHaveValue("Asia/Amman");
});

test("a device is logged out from another one", async ({ page, browser }) => {
  const other = await otherBrowser(browser);
  await logIn(other, `${box.base}/dreams`, admin);
  await logIn(page, `${box.base}/account`, admin);
  const devices = page.getByRole("region", { name: "Devices" });
  await expect(devices.getByText("This device")).toHaveCount(1);
  // Newest first or not: all but this one go.
  const revoke = devices.getByRole("button", { name: /^Log out / });
  for (let left = await revoke.count(); left > 0; left -= 1) {
    await revoke.first().click();
    await expect(revoke).toHaveCount(left - 1);
  }
  await expect(page.getByRole("heading", { name: "Devices" })).toBeFocused();
  await other.reload();
  await expect(logInPage(other)).toBeVisible();
  await other.context().close();
});

test("a key is shown once, and revoked after asking", async ({ page }) => {
  await logIn(page, `${box.base}/account`, admin);
  const keys = page.getByRole("region", { name: "Keys" });
  await keys.getByRole("button", { name: "New key" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("backup");
  await dialog.getByRole("button", { name: "Create the key" }).click();
  await expect(dialog.getByText("Choose at least one.")).toBeVisible();
  await dialog.getByLabel("Read your dreams").check();
  await dialog.getByText("30 days").click();
  await dialog.getByRole("button", { name: "Create the key" }).click();
  const shown = dialog.getByLabel("The key backup");
  await expect(shown).toBeFocused();
  expect((await shown.inputValue()).length).toBeGreaterThan(20);
  await expect(dialog.getByText("It is shown this once and never again")).toBeVisible();
  expect(await violations(page), "a new key").toEqual([]);
  await dialog.getByRole("button", { name: "Done" }).click();
  await expect(keys.getByRole("listitem").filter({ hasText: "backup" }).first()).toContainText("Read your dreams");
  await keys.getByRole("button", { name: "Revoke the key backup" }).click();
  await dialog.getByRole("button", { name: "Revoke" }).click();
  await expect(keys.getByText("You have no keys.")).toBeVisible();
  await expect(page.getByRole("heading", { name: "Keys", exact: true })).toBeFocused();
});

test("a new password ends every other session", async ({ page, browser }) => {
  const other = await otherBrowser(browser);
  await logIn(other, `${box.base}/dreams`, admin);
  await logIn(page, `${box.base}/account`, admin);
  const section = page.getByRole("region", { name: "Password" });
  await section.getByLabel("Current password").fill("seven loud lanterns");
  await section.getByLabel("New password").fill("eight quiet lanterns");
  await section.getByRole("button", { name: "Change the password" }).click();
  await expect(section.getByText("The current password is not right.")).toBeVisible();
  await section.getByLabel("Current password").fill(admin.password);
  await section.getByRole("button", { name: "Change the password" }).click();
  await expect(section.getByText("The password is changed.")).toBeVisible();
  admin.password = "eight quiet lanterns";
  await other.reload();
  await expect(logInPage(other)).toBeVisible();
  await fillLogIn(other, admin);
  await expect(menuButton(other, admin)).toBeVisible();
  await other.context().close();
});

test("everything of a person's can be downloaded", async ({ page }) => {
  await logIn(page, `${box.base}/account`, guest);
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download everything" }).click();
  expect((await download).suggestedFilename()).toMatch(/^oneiros-[\d-]+\.json$/);
});

test("the last admin cannot be erased; another person can, after giving the password", async ({ page, browser }) => {
  await logIn(page, `${box.base}/account`, admin);
  const dialog = page.getByRole("dialog", { name: "Delete your account?" });
  await page.getByRole("button", { name: "Delete my account" }).click();
  await dialog.getByLabel("Current password").fill(admin.password);
  await dialog.getByRole("button", { name: "Delete for good" }).click();
  await expect(dialog.getByText("You are the only admin of this box.")).toBeVisible();
  await dialog.getByRole("button", { name: "Keep it" }).click();

  await page.goto(`${box.base}/people`);
  const address = await invite(page, "for Sam");
  const other = await otherBrowser(browser);
  await joinAt(other, address, leaver);
  expect(filesHolding(box.state, leaver.name), "else the search below could not fail").not.toEqual([]);
  await other.goto(`${box.base}/account`);
  await other.getByRole("button", { name: "Delete my account" }).click();
  const asked = other.getByRole("dialog", { name: "Delete your account?" });
  await asked.getByLabel("Current password").fill("not my password");
  await asked.getByRole("button", { name: "Delete for good" }).click();
  await expect(asked.getByText("The current password is not right.")).toBeVisible();
  await asked.getByLabel("Current password").fill(leaver.password);
  await asked.getByRole("button", { name: "Delete for good" }).click();
  await expect(logInPage(other)).toBeVisible();
  await fillLogIn(other, leaver);
  await expect(other.getByText("Name and password do not belong together.")).toBeVisible();
  await other.context().close();
  await expect.poll(() => filesHolding(box.state, leaver.name), { timeout: 90_000, message: "on the disk" }).toEqual([]);
});

test("what was done is written down in words, and can be sifted", async ({ page }) => {
  await logIn(page, `${box.base}/audit`, admin);
  const entries = page.getByRole("main").locator("ol > li");
  await expect(entries.filter({ hasText: "Account deleted with all its data" })).toHaveCount(1);
  await page.getByLabel("What", { exact: true }).selectOption("Log-in refused");
  await expect(entries.filter({ hasText: "Log-in refused" }).first()).toBeVisible();
  await expect(entries.filter({ hasText: "Logged in" })).toHaveCount(0);
  await page.getByLabel("What", { exact: true }).selectOption("Everything");
  await page.getByLabel("Who", { exact: true }).fill(guest.name);
  await expect(entries.filter({ hasText: "The box was set up" })).toHaveCount(0);
  await expect(entries.filter({ hasText: guest.name }).first()).toBeVisible();
});

test("whoever may join without an invitation finds the way from the log-in page", async ({ page, browser }) => {
  await logIn(page, `${box.base}/people`, admin);
  await page.getByLabel("Anyone may create an account").check();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved.")).toBeVisible();
  const other = await otherBrowser(browser);
  await other.goto(`${box.base}/`);
  await other.getByRole("link", { name: "Create an account" }).click();
  await expect(other.getByText("Everyone who reaches this box may have one.")).toBeVisible();
  await other.context().close();
});

test("no fault of accessibility on the pages for those who are logged in, in every language", async ({ browser }) => {
  test.setTimeout(240_000);
  await lookInEveryLanguage(browser, ["/", "/account", "/people", "/audit"], admin);
});
