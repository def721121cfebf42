import { Appliance } from "./support/appliance";
import { invite, joinAt, sendCredentials, setUp, type Person } from "./support/people";
import { pretendCodeNeeded, pretendFactors, pretendFirstCode, pretendSession } from "./support/pretend";
import { looks, shoot } from "./support/shots";
import { expect, test } from "./support/test";

// One box, before its set-up and after it.
test.describe.configure({ mode: "serial" });

const admin: Person = { name: "noor", password: "seven quiet lanterns" };
const guest: Person = { name: "ilya", password: "a bridge of blue glass" };
/** Of a box that vouches for itself; the boxes of these tests speak no TLS. */
const PEM = "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n";

let box: Appliance;

test.beforeAll(async () => {
  test.setTimeout(240_000);
  box = await Appliance.start({ name: "accounts-screenshots" });
  await box.ready();
});

test.afterAll(async () => {
  await box.stop();
});

test.beforeEach(({ origins }) => {
  origins.add(box.base);
});

for (const { kind, context } of looks) {
  test.describe(kind, () => {
    test.use({ ...context, tolerated: [/status of 404/] });

    test("before the set-up", async ({ page }) => {
      for (const [name, address] of Object.entries({ unclaimed: "/", setup: "/setup", "trust-none": "/trust" })) {
        await page.goto(`${box.base}${address}`);
        await shoot(page, `${kind}-${name}`);
      }
    });
  });
}

test("the box is set up, and somebody joins", async ({ page, browser }) => {
  await setUp(page, box.base, box.state, admin);
  await page.goto(`${box.base}/people`);
  const other = await browser.newPage();
  await joinAt(other, await invite(page, "for Ilya"), guest);
  await other.close();
  await invite(page, "for Sam, who lives next door");
  await page.goto(`${box.base}/account`);
  await page.getByRole("button", { name: "New key" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("backup");
  await dialog.getByLabel("Read your dreams").check();
  await dialog.getByRole("button", { name: "Create the key" }).click();
  await dialog.getByRole("button", { name: "Done" }).click();
});

for (const { kind, context } of looks) {
  test.describe(kind, () => {
    test.use({ ...context, tolerated: [/status of (401|404)/] });

    test("every page about accounts", async ({ page }) => {
      await page.route("**/authority.pem", (route) => route.fulfill({ contentType: "application/x-pem-file", body: PEM }));
      const doors = { login: "/", join: "/join#CODE", closed: "/join", reset: "/reset#CODE", trust: "/trust" };
      for (const [name, address] of Object.entries(doors)) {
        await page.goto(`${box.base}${address}`);
        await shoot(page, `${kind}-${name}`);
      }
      await page.goto(`${box.base}/`);
      // Another name each time: the box refuses one name ten times only.
      await sendCredentials(page, { name: kind, password: "not the password" });
      await expect(page.getByRole("main").getByRole("status").filter({ hasText: /./ })).toBeVisible();
      await shoot(page, `${kind}-refused`);
      await sendCredentials(page, admin);
      await expect(page.getByRole("navigation")).toBeVisible();
      for (const name of ["account", "people", "audit", "packs"]) {
        await page.goto(`${box.base}/${name}`);
        await shoot(page, `${kind}-${name}`);
      }
      await page.getByRole("banner").getByRole("button").click();
      await shoot(page, `${kind}-menu`);
      await page.keyboard.press("Escape");
      await page.goto(`${box.base}/account`);
      await page.locator("section:has(#account-keys)").getByRole("button").last().click();
      await shoot(page, `${kind}-new-key`);
    });

    test("every state of a second factor", async ({ page, origins }) => {
      // Passkeys are for no bare address.
      const base = box.base.replace("127.0.0.1", "localhost");
      origins.add(base);
      const parts = page.locator("section:has(#account-second-factor)");
      const opened = page.locator("dialog[open]");
      await pretendSession(page, { provider: "Key House" });
      await page.route("**/account/identities", (route) => route.fulfill({ json: [] }));
      await page.goto(`${base}/login?provider=unknown`);
      await shoot(page, `${kind}-ways-in`);
      const asSaid = await pretendCodeNeeded(page);
      await sendCredentials(page, guest);
      await expect(page.locator("input[autocomplete=one-time-code]")).toBeVisible();
      await shoot(page, `${kind}-code`);
      await asSaid();
      await page.goto(`${base}/account`);
      await sendCredentials(page, guest);
      await parts.getByRole("button").first().click();
      await shoot(page, `${kind}-factor-password`);
      await opened.locator("input").fill(guest.password);
      await page.keyboard.press("Enter");
      await expect(opened.getByRole("img")).toBeVisible();
      await shoot(page, `${kind}-factor-secret`);
      await pretendFirstCode(page);
      await opened.locator("input[autocomplete=one-time-code]").fill("123456");
      await page.keyboard.press("Enter");
      await expect(opened.locator("textarea")).toBeFocused();
      await shoot(page, `${kind}-factor-codes`);
      await opened.getByRole("button").last().click();
      await pretendFactors(page);
      await page.reload();
      await expect(parts.getByText("my phone")).toBeVisible();
      await shoot(page, `${kind}-factors`);
      await parts.getByRole("button").nth(2).click();
      await shoot(page, `${kind}-new-passkey`);
      await pretendSession(page, { must_add_second_factor: true, scopes: ["account"] });
      await page.reload();
      await expect(page.getByRole("main").getByRole("button")).toHaveCount(2);
      await shoot(page, `${kind}-required`);
    });
  });
}
