import type { Browser, Locator, Page } from "@playwright/test";

import { Appliance } from "./support/appliance";
import { Authenticator, keepsPasskeys } from "./support/authenticator";
import { violations } from "./support/axe";
import { animationsEnded } from "./support/page";
import {
  fillLogIn,
  invite,
  joinAt,
  logIn,
  logInPage,
  logOut,
  menuButton,
  sendCredentials,
  setUp,
  type Person,
} from "./support/people";
import { pretendCodeNeeded, pretendFactors, pretendFirstCode, pretendSession } from "./support/pretend";
import { expect, test } from "./support/test";
import { foreignWords } from "./support/words";

// One box from its set-up on: each test goes on where the one before ended.
test.describe.configure({ mode: "serial" });
test.use({ tolerated: [/status of (401|403|404|409|422|503)/] });

const admin: Person = { name: "noor", password: "seven quiet lanterns" };
const guest: Person = { name: "ilya", password: "a bridge of blue glass" };

/** In Latin letters whatever the language. */
const NAMES = [admin.name, guest.name, "Chrome", "Safari", "Linux", "my phone", "Key House"];
const NARROW = { width: 320, height: 640 };

let box: Appliance;
/** By its name: passkeys are for no bare address. */
let base: string;
let app: Authenticator;
let codes: string[];

test.beforeAll(async () => {
  test.setTimeout(240_000);
  box = await Appliance.start({ name: "second-factor" });
  await box.ready();
  base = box.base.replace("127.0.0.1", "localhost");
});

test.afterAll(async () => {
  await box.stop();
});

test.beforeEach(({ origins }) => {
  origins.add(base);
});

async function otherBrowser(browser: Browser, locale = "en-GB"): Promise<Page> {
  const context = await browser.newContext({ locale });
  return context.newPage();
}

const section = (page: Page): Locator => page.getByRole("region", { name: "Second factor" });
const dialog = (page: Page): Locator => page.getByRole("dialog");
const passwordAgain = (page: Page): Locator => dialog(page).getByLabel("Current password");
const codeField = (page: Page): Locator => page.getByLabel("Code from the authenticator app");
const isHome = (page: Page, person: Person): Promise<void> => expect(menuButton(page, person)).toBeVisible();

/** From the dialog's beginning to the recovery codes, which are left on the page. */
async function setUpApp(page: Page, person: Person): Promise<Authenticator> {
  await page.getByRole("button", { name: "Set up an authenticator app" }).click();
  await passwordAgain(page).fill(person.password);
  await dialog(page).getByRole("button", { name: "Go on" }).click();
  const made = new Authenticator((await dialog(page).locator("code").textContent()) ?? "");
  await dialog(page)
    .getByLabel("Code from the app")
    .fill(await made.code());
  await dialog(page).getByRole("button", { name: "Check the code" }).click();
  await expect(dialog(page).getByLabel("Your recovery codes")).toBeFocused();
  return made;
}

/** No fault of accessibility, no word of another language, and nothing cut off at the side of a narrow phone. */
async function look(page: Page, locale: string, what: string): Promise<void> {
  await animationsEnded(page);
  expect(await violations(page), `${what}, ${locale}`).toEqual([]);
  if (locale !== "en") {
    expect(await foreignWords(page, NAMES), `${what}, ${locale}`).toEqual([]);
  }
  const size = page.viewportSize();
  await page.setViewportSize(NARROW);
  expect(await page.evaluate(() => document.documentElement.scrollWidth), `${what}, ${locale}`).toBeLessThanOrEqual(NARROW.width);
  if (size) {
    await page.setViewportSize(size);
  }
}

test("a box is set up, and somebody joins", async ({ page, browser }) => {
  await setUp(page, base, box.state, admin);
  await page.goto(`${base}/people`);
  const address = await invite(page, "for Ilya");
  const other = await otherBrowser(browser);
  await joinAt(other, address, guest);
  await other.context().close();
});

test("an authenticator app is set up with its first code, and recovery codes are shown once", async ({ page, browser }) => {
  const other = await otherBrowser(browser);
  await logIn(other, `${base}/dreams`, guest);
  await logIn(page, `${base}/account`, guest);
  await section(page).getByRole("button", { name: "Set up an authenticator app" }).click();
  await dialog(page).getByRole("button", { name: "Go on" }).click();
  await expect(dialog(page).getByText("This is needed.")).toBeVisible();
  await passwordAgain(page).fill("a bridge of red glass");
  await dialog(page).getByRole("button", { name: "Go on" }).click();
  await expect(dialog(page).getByText("The current password is not right.")).toBeVisible();
  await passwordAgain(page).fill(guest.password);
  await dialog(page).getByRole("button", { name: "Go on" }).click();
  await expect(dialog(page).getByRole("img", { name: "QR code with the secret for the app" })).toBeVisible();
  await expect(dialog(page).getByText("Scan this picture with the app.")).toBeFocused();
  await expect(dialog(page).getByRole("link")).toHaveAttribute("href", /^otpauth:\/\/totp\//);
  const shown = (await dialog(page).locator("code").textContent()) ?? "";
  expect(shown).toMatch(/^([A-Z2-7]{4} ?)+$/);
  app = new Authenticator(shown);
  await dialog(page).getByLabel("Code from the app").fill("123456");
  await dialog(page).getByRole("button", { name: "Check the code" }).click();
  await expect(dialog(page).getByText("This is not the code.")).toBeVisible();
  await dialog(page)
    .getByLabel("Code from the app")
    .fill(await app.code());
  await dialog(page).getByRole("button", { name: "Check the code" }).click();

  const field = dialog(page).getByLabel("Your recovery codes");
  await expect(field).toBeFocused();
  codes = (await field.inputValue()).split("\n");
  expect(new Set(codes).size).toBeGreaterThanOrEqual(8);
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await expect(field).toBeVisible();
  const download = page.waitForEvent("download");
  await dialog(page).getByRole("button", { name: "Save as a file" }).click();
  expect((await download).suggestedFilename()).toBe("oneiros-recovery-codes.txt");
  await page.emulateMedia({ media: "print" });
  await expect(dialog(page).getByText(`Oneiros: recovery codes of ${guest.name}`)).toBeVisible();
  await expect(page.getByRole("button")).toHaveCount(0);
  await expect(page.getByText("Profile", { exact: true })).toBeHidden();
  await page.emulateMedia({ media: null });
  await dialog(page).getByRole("button", { name: "I have kept them" }).click();
  await expect(page.getByRole("heading", { name: "Second factor" })).toBeFocused();
  await expect(section(page).getByText("In use")).toBeVisible();
  await expect(section(page).getByText(`${codes.length} codes are left.`)).toBeVisible();
  // Where the password alone had let somebody in, it does so no more.
  await expect(logInPage(other)).toBeVisible();
  await other.context().close();
});

test("the password asks for the code, which is taken once", async ({ page }) => {
  await page.goto(`${base}/dreams`);
  await fillLogIn(page, guest);
  await expect(codeField(page)).toBeFocused();
  await expect(codeField(page)).toHaveAttribute("autocomplete", "one-time-code");
  await page.keyboard.press("Enter");
  await expect(page.getByText("This is needed.")).toBeVisible();
  await codeField(page).fill("123456");
  await page.keyboard.press("Enter");
  await expect(page.getByText("This is not the code, or it was used already.")).toBeVisible();
  const code = await app.code();
  await codeField(page).fill(code);
  await page.keyboard.press("Enter");
  await isHome(page, guest);
  await expect(page).toHaveURL(`${base}/dreams`);
  const kept = await page.evaluate(() => JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)]));
  expect(kept).not.toContain(guest.password);

  await logOut(page, guest);
  await fillLogIn(page, guest);
  await codeField(page).fill(code);
  await page.keyboard.press("Enter");
  await expect(page.getByText("This is not the code, or it was used already.")).toBeVisible();
  await page.getByRole("button", { name: "Begin again" }).click();
  await expect(logInPage(page)).toBeFocused();
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue(guest.name);
  await expect(page.getByLabel("Password", { exact: true })).toHaveValue("");
});

test("a recovery code opens once and only once", async ({ page }) => {
  const [code = ""] = codes;
  await page.goto(`${base}/account`);
  await fillLogIn(page, guest);
  await page.getByRole("button", { name: "Use a recovery code" }).click();
  await expect(page.getByLabel("Recovery code", { exact: true })).toBeFocused();
  // As it may be read off a sheet of paper.
  await page.getByLabel("Recovery code", { exact: true }).fill(code.toUpperCase().replaceAll("-", " "));
  await page.keyboard.press("Enter");
  await isHome(page, guest);
  await expect(section(page).getByText(`${codes.length - 1} codes are left.`)).toBeVisible();

  await logOut(page, guest);
  await fillLogIn(page, guest);
  await page.getByRole("button", { name: "Use a recovery code" }).click();
  await page.getByLabel("Recovery code", { exact: true }).fill(code);
  await page.keyboard.press("Enter");
  await expect(page.getByText("This is not one of your recovery codes, or it was used already.")).toBeVisible();
  await page.getByRole("button", { name: "Use the authenticator app" }).click();
  await codeField(page).fill(await app.code());
  await page.keyboard.press("Enter");
  await isHome(page, guest);
});

test("new recovery codes end the ones before", async ({ page }) => {
  const [, second = ""] = codes;
  await page.goto(`${base}/account`);
  await fillLogIn(page, guest);
  await codeField(page).fill(await app.code());
  await page.keyboard.press("Enter");
  await section(page).getByRole("button", { name: "New codes" }).click();
  await passwordAgain(page).fill(guest.password);
  await dialog(page).getByRole("button", { name: "Make new codes" }).click();
  codes = (await dialog(page).getByLabel("Your recovery codes").inputValue()).split("\n");
  expect(codes).not.toContain(second);
  await dialog(page).getByRole("button", { name: "I have kept them" }).click();
  await logOut(page, guest);
  await fillLogIn(page, guest);
  await page.getByRole("button", { name: "Use a recovery code" }).click();
  await page.getByLabel("Recovery code", { exact: true }).fill(second);
  await page.keyboard.press("Enter");
  await expect(page.getByText("This is not one of your recovery codes, or it was used already.")).toBeVisible();
});

test("a passkey is added, logs in without name and password, and is removed", async ({ page }) => {
  await keepsPasskeys(page);
  await page.goto(`${base}/account`);
  await fillLogIn(page, guest);
  await page.getByRole("button", { name: "Use a recovery code" }).click();
  await page.getByLabel("Recovery code", { exact: true }).fill(codes[0] ?? "");
  await page.keyboard.press("Enter");
  await section(page).getByRole("button", { name: "Add a passkey" }).click();
  await expect(dialog(page).getByLabel("Name of the passkey")).not.toHaveValue("");
  await dialog(page).getByLabel("Name of the passkey").fill("my phone");
  await passwordAgain(page).fill(guest.password);
  await dialog(page).getByRole("button", { name: "Go on in the browser" }).click();
  await expect(section(page).getByRole("heading", { name: "my phone" })).toBeVisible();
  await expect(page.getByRole("heading", { name: "Second factor" })).toBeFocused();

  // The same device has one now.
  await section(page).getByRole("button", { name: "Add a passkey" }).click();
  await passwordAgain(page).fill(guest.password);
  await dialog(page).getByRole("button", { name: "Go on in the browser" }).click();
  await expect(dialog(page).getByText("This device has a passkey for your account already.")).toBeVisible();
  await page.keyboard.press("Escape");

  await logOut(page, guest);
  await page.getByRole("button", { name: "Log in with a passkey" }).click();
  await isHome(page, guest);
  await page.goto(`${base}/account`);
  const devices = page.getByRole("region", { name: "Devices" });
  await expect(devices.getByRole("listitem").filter({ hasText: "This device" })).toContainText("with a passkey");

  await section(page).getByRole("button", { name: "Remove the passkey my phone" }).click();
  await expect(dialog(page).getByText("It is your only second factor.")).toHaveCount(0);
  await passwordAgain(page).fill(guest.password);
  await dialog(page).getByRole("button", { name: "Remove" }).click();
  await expect(section(page).getByText("You have no passkeys.")).toBeVisible();
  await logOut(page, guest);
  await page.getByRole("button", { name: "Log in with a passkey" }).click();
  await expect(page.getByText("This box does not know that passkey")).toBeVisible();
});

test("a passkey that is not shown is told, and the password stays", async ({ page, origins }) => {
  origins.add(new URL(box.base).origin);
  await page.addInitScript(() => {
    navigator.credentials.get = () => Promise.reject(new DOMException("called off", "NotAllowedError"));
  });
  await page.goto(`${base}/`);
  await page.getByRole("button", { name: "Log in with a passkey" }).click();
  await expect(page.getByText("No passkey was used.")).toBeVisible();
  await expect(page.getByLabel("Password", { exact: true })).toBeEditable();
  // There no browser has any.
  await page.goto(`${box.base}/`);
  await expect(logInPage(page)).toBeVisible();
  await expect(page.getByRole("button", { name: "Log in with a passkey" })).toHaveCount(0);
});

test("without an authenticator app the password alone is enough again", async ({ page }) => {
  await page.goto(`${base}/account`);
  await fillLogIn(page, guest);
  await codeField(page).fill(await app.code());
  await page.keyboard.press("Enter");
  await section(page).getByRole("button", { name: "Remove the authenticator app" }).click();
  await expect(dialog(page).getByText("It is your only second factor. After this your password alone is enough.")).toBeVisible();
  await passwordAgain(page).fill(guest.password);
  await dialog(page).getByRole("button", { name: "Remove" }).click();
  await expect(section(page).getByRole("button", { name: "Set up an authenticator app" })).toBeVisible();
  await expect(page.getByRole("heading", { name: "Second factor" })).toBeFocused();
  await expect(section(page).getByText("Recovery codes")).toHaveCount(0);
  await logOut(page, guest);
  await fillLogIn(page, guest);
  await isHome(page, guest);
});

test("whose role must have a second factor is led through setting one up", async ({ page, browser }) => {
  await logIn(page, `${base}/people`, admin);
  await page.getByRole("group", { name: "A second factor is a must for" }).getByLabel("User").check();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved.")).toBeVisible();
  const other = await otherBrowser(browser);
  await other.goto(`${base}/dreams`);
  await fillLogIn(other, guest);
  await expect(other.getByRole("heading", { name: "One step more" })).toBeVisible();
  await expect(other.getByRole("navigation")).toHaveCount(0);
  await other.goto(`${base}/account`);
  await expect(other.getByRole("heading", { name: "One step more" })).toBeVisible();
  await menuButton(other, guest).click();
  await expect(dialog(other).getByRole("link", { name: "Your account" })).toHaveCount(0);
  await other.keyboard.press("Escape");
  await other.goto(`${base}/dreams`);
  app = await setUpApp(other, guest);
  // The box is content, and the page has learnt it while the codes are still to be kept.
  await other.waitForLoadState("networkidle");
  await expect(dialog(other).getByLabel("Your recovery codes")).toBeVisible();
  await dialog(other).getByRole("button", { name: "I have kept them" }).click();
  await expect(other.getByRole("heading", { name: "Your dreams", level: 1 })).toBeVisible();

  await page.reload();
  const row = page.getByRole("region", { name: "Accounts" }).getByRole("listitem").filter({ hasText: guest.name });
  await expect(row).toContainText(/Second factor\s*yes/);
  await row.getByRole("button", { name: `Remove the second factor of ${guest.name}` }).click();
  await dialog(page).getByRole("button", { name: "Remove second factor" }).click();
  await expect(row).toContainText(/Second factor\s*no/);
  // The open page of that person shows it by itself.
  await expect(logInPage(other)).toBeVisible();
  await fillLogIn(other, guest);
  await expect(other.getByRole("heading", { name: "One step more" })).toBeVisible();
  await page.getByRole("group", { name: "A second factor is a must for" }).getByLabel("User").uncheck();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved.")).toBeVisible();
  await other.reload();
  await expect(other.getByRole("heading", { name: "Your dreams", level: 1 })).toBeVisible();
  await other.context().close();
});

test("every open page of a person who is suspended shows log-in by itself", async ({ page, browser }) => {
  const first = await otherBrowser(browser);
  await logIn(first, `${base}/dreams`, guest);
  const second = await first.context().newPage();
  await second.goto(`${base}/account`);
  await expect(second.getByRole("heading", { name: "Your account" })).toBeVisible();
  await logIn(page, `${base}/people`, admin);
  await page.getByRole("button", { name: `Suspend ${guest.name}` }).click();
  await dialog(page).getByRole("button", { name: "Suspend" }).click();
  await expect(logInPage(first)).toBeVisible();
  await expect(logInPage(second)).toBeVisible();
  await page.getByRole("button", { name: `Let ${guest.name} in again` }).click();
  await dialog(page).getByRole("button", { name: "Let in again" }).click();
  await expect(page.getByText("Suspended", { exact: true })).toHaveCount(0);
  await first.context().close();
});

test("an app is in the list of devices, and is logged out there", async ({ page }) => {
  const ask = (address: string, body: object): Promise<Response> =>
    fetch(`${box.base}${address}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const answer = await ask("/api/v1/tokens", { ...guest, app: "Dream Diary", scopes: ["dreams:read"] });
  expect(answer.status).toBe(201);
  const { refresh_token } = (await answer.json()) as { refresh_token: string };
  await logIn(page, `${base}/account`, guest);
  const devices = page.getByRole("region", { name: "Devices" });
  const diary = devices.getByRole("listitem").filter({ hasText: "Dream Diary" });
  await expect(diary).toContainText("App");
  await expect(diary).toContainText("with the password");
  await diary.getByRole("button", { name: /^Log out Dream Diary/ }).click();
  await expect(diary).toHaveCount(0);
  expect((await ask("/api/v1/tokens/refresh", { refresh_token })).status).toBe(401);
});

test("what a provider of identities sent back is told, and goes from the address", async ({ page }) => {
  await pretendSession(page, { provider: "Key House" });
  await page.goto(`${base}/login?provider=unknown`);
  await expect(page.getByText("Key House knows you, but no account of this box is linked with you there.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Log in with Key House" })).toBeVisible();
  await expect(page).toHaveURL(`${base}/login`);
  await page.reload();
  await expect(page.getByText("Key House knows you")).toHaveCount(0);

  await page.route("**/api/v1/account/identities", (route) =>
    route.fulfill({ json: [{ id: "01", issuer: "https://id.example", label: "ilya", created_at: "2026-01-01T00:00:00Z" }] }),
  );
  await logIn(page, `${base}/account?provider=linked`, guest);
  // Whoever had to log in again on the way is not told twice.
  await page.goto(`${base}/account?provider=linked`);
  await expect(page.getByText("Linked: you can now log in with Key House.")).toBeVisible();
  await expect(page).toHaveURL(`${base}/account`);
  await expect(page.getByRole("region", { name: "Log-in with Key House" })).toContainText("https://id.example");
});

test("what was done is written down in words", async ({ page }) => {
  await logIn(page, `${base}/audit`, admin);
  const kinds = [
    "Second factor added",
    "Second factor removed",
    "Recovery code used",
    "Recovery codes made",
    "Passkey added",
    "Passkey removed",
  ];
  for (const kind of kinds) {
    await page.getByLabel("What", { exact: true }).selectOption(kind);
    await expect(page.getByRole("main").locator("ol > li").filter({ hasText: kind }).first()).toBeVisible();
  }
});

test("no fault of accessibility in what is new, in every language", async ({ browser }) => {
  test.setTimeout(300_000);
  for (const locale of ["en", "ru", "ar"]) {
    const page = await otherBrowser(browser, locale);
    const parts = page.locator("section:has(#account-second-factor)");
    const opened = page.locator("dialog[open]");
    await page.goto(`${base}/`);
    await expect(page.locator("input[autocomplete=username]")).toBeVisible();
    const asSaid = await pretendCodeNeeded(page);
    await sendCredentials(page, guest);
    await expect(page.locator("input[autocomplete=one-time-code]")).toBeVisible();
    await look(page, locale, "the code at log-in");
    await asSaid();

    await page.goto(`${base}/account`);
    await sendCredentials(page, guest);
    await parts.getByRole("button").first().click();
    await look(page, locale, "the password again");
    await opened.locator("input").fill(guest.password);
    await page.keyboard.press("Enter");
    await expect(opened.getByRole("img")).toBeVisible();
    await look(page, locale, "the secret");
    await pretendFirstCode(page);
    await opened.locator("input[autocomplete=one-time-code]").fill("123456");
    await page.keyboard.press("Enter");
    await expect(opened.locator("textarea")).toBeFocused();
    await look(page, locale, "recovery codes");
    await opened.getByRole("button").last().click();
    await pretendFactors(page);
    await page.reload();
    await expect(parts.getByText("my phone")).toBeVisible();
    await look(page, locale, "all second factors");
    await parts.getByRole("button").last().click();
    await look(page, locale, "new recovery codes");
    await page.keyboard.press("Escape");
    await parts.getByRole("button").nth(2).click();
    await look(page, locale, "a new passkey");
    await page.keyboard.press("Escape");
    await pretendSession(page, { must_add_second_factor: true, scopes: ["account"] });
    await page.reload();
    await expect(page.getByRole("main").getByRole("button")).toHaveCount(2);
    await look(page, locale, "one step more");
    await page.context().close();
  }
});
