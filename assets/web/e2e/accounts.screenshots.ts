import { Appliance } from "./support/appliance";
import { invite, joinAt, menuButton, passwordField, setUpToken, type Person } from "./support/people";
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
  await page.goto(`${box.base}/setup`);
  await page.getByLabel("Set-up token").fill(setUpToken(box.state));
  await page.getByLabel("Name", { exact: true }).fill(admin.name);
  await passwordField(page).fill(admin.password);
  await page.getByLabel("Language", { exact: true }).selectOption("Not chosen");
  await page.getByRole("button", { name: "Set it up" }).click();
  await expect(menuButton(page, admin)).toBeVisible();
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
      await page.locator("input[autocomplete=username]").fill(kind);
      await page.locator("input[autocomplete=current-password]").fill("not the password");
      await page.keyboard.press("Enter");
      await expect(page.getByRole("main").getByRole("status").filter({ hasText: /./ })).toBeVisible();
      await shoot(page, `${kind}-refused`);
      await page.locator("input[autocomplete=username]").fill(admin.name);
      await page.locator("input[autocomplete=current-password]").fill(admin.password);
      await page.keyboard.press("Enter");
      await expect(page.getByRole("navigation")).toBeVisible();
      for (const name of ["account", "people", "audit"]) {
        await page.goto(`${box.base}/${name}`);
        await shoot(page, `${kind}-${name}`);
      }
      await page.getByRole("banner").getByRole("button").click();
      await shoot(page, `${kind}-menu`);
      await page.keyboard.press("Escape");
      await page.goto(`${box.base}/account`);
      await page.getByRole("region").nth(3).getByRole("button").last().click();
      await shoot(page, `${kind}-new-key`);
    });
  });
}
