import { Appliance } from "./support/appliance";
import { violations } from "./support/axe";
import { setUp, type Person } from "./support/people";
import { expect, test } from "./support/test";

test.use({ tolerated: [/status of (404|422|503)/] });

const admin: Person = { name: "noor", password: "seven quiet lanterns" };

const SAILORS = `name = "sailors"
version = "1"

[[source]]
id = "ships-log"
kind = "tradition"
reference = "The log of a ship"

[[lens]]
id = "sailors"
kind = "tradition"
sources = ["ships-log"]
name = { en = "Sailors" }
about = { en = "As sailors tell it." }

[lens.wording.en]
stance = "You tell what sailors tell."
opening = "At sea they say that this dream may"
advice = "You could"
caution = "It is yarn."
`;

const file = (text: string) => ({ name: "sailors.toml", mimeType: "application/toml", buffer: Buffer.from(text) });

let box: Appliance;

test.beforeAll(async () => {
  test.setTimeout(240_000);
  box = await Appliance.start({ name: "packs" });
  await box.ready();
});

test.afterAll(async () => {
  await box.stop();
});

test("an admin imports a pack, is told what is wrong with a broken one, and removes it", async ({ page, origins }) => {
  origins.add(box.base);
  await setUp(page, box.base, box.state, admin);
  await page.getByRole("banner").getByRole("button").click();
  await page.getByRole("link", { name: "Packs of lenses and symbols" }).click();
  await expect(page.getByRole("heading", { name: "Packs", level: 1 })).toBeFocused();
  await expect(page.getByText("There is no pack.")).toBeVisible();
  expect(await violations(page)).toEqual([]);

  const field = page.locator("input[type=file]");
  await field.setInputFiles(file(SAILORS.replace('kind = "tradition"', "kind = tradition")));
  await expect(page.getByRole("heading", { name: "What is wrong, and where" })).toBeVisible();
  await expect(
    page
      .getByRole("main")
      .getByText(/^line 6, column \d+/)
      .first(),
  ).toBeVisible();
  await expect(page.getByText("There is no pack.")).toBeVisible();

  await field.setInputFiles(file(SAILORS));
  await expect(page.getByText("The pack is imported.")).toBeVisible();
  await expect(page.getByRole("heading", { name: "What is wrong, and where" })).toHaveCount(0);
  await expect(page.getByRole("region", { name: "On this box" }).getByRole("heading", { name: "sailors" })).toBeVisible();
  expect(await violations(page)).toEqual([]);
  await page.goto(`${box.base}/`);
  await expect(page.getByRole("radio", { name: "Sailors" })).toHaveCount(1);

  await page.goto(`${box.base}/packs`);
  await page.getByRole("button", { name: "Remove the pack sailors" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove it" }).click();
  await expect(page.getByText("There is no pack.")).toBeVisible();
  await expect(page.getByRole("heading", { name: "On this box" })).toBeFocused();
});
