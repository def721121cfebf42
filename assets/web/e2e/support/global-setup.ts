/** Before the first test: the fake microphone's speech, and the server that the tests share. */
import { rmSync } from "node:fs";

import { Appliance } from "./appliance";
import { runFolder, spokenDream } from "./paths";
import { SPOKEN } from "./texts";
import { speak } from "./speech";

export default async function setUp(): Promise<() => Promise<void>> {
  speak(SPOKEN, spokenDream());
  const appliance = await Appliance.start({ name: "server" });
  await appliance.ready().catch(async (error: unknown) => {
    await appliance.stop();
    throw error;
  });
  // Workers inherit the environment.
  process.env.ONEIROS_E2E_BASE = appliance.base;
  process.env.ONEIROS_E2E_LOG = appliance.logFile;
  return async () => {
    await appliance.stop();
    rmSync(runFolder(), { recursive: true, force: true });
  };
}
