/** State directories: a fresh one for each server, with the models that were pulled once for all tests. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";

import { PULLED } from "./paths";

const MODELS = ["smollm2-135m-instruct", "gemma3-270m", "multilingual-e5-small", "whisper-base", "postgresql-18"];

/** Everything the starter profile needs is there; nothing has run in it yet. */
export function stateDirectory(): string {
  // /tmp whatever TMPDIR says: a socket's path has 107 bytes. Open to the unprivileged user that the server becomes.
  const state = mkdtempSync("/tmp/oneiros-e2e-state-");
  chmodSync(state, 0o755);
  const store = join(PULLED, "artefacts");
  mkdirSync(join(state, "artefacts"));
  for (const id of MODELS) {
    if (!existsSync(join(store, id))) {
      throw new Error(`${join(store, id)} is not there: run \`make test-models\`, or name another ONEIROS_TEST_STATE`);
    }
    share(join(store, id), join(state, "artefacts", id));
  }
  // The store's own notes beside the artefacts, whatever they are.
  for (const note of readdirSync(store).filter((name) => lstatSync(join(store, name)).isFile())) {
    copyFileSync(join(store, note), join(state, "artefacts", note));
  }
  return state;
}

/** Hard links where the file system can, copies elsewhere: nothing writes to a model. */
function share(from: string, to: string): void {
  const entry = lstatSync(from);
  if (entry.isSymbolicLink()) {
    symlinkSync(readlinkSync(from), to);
  } else if (entry.isDirectory()) {
    mkdirSync(to);
    for (const name of readdirSync(from)) {
      share(join(from, name), join(to, name));
    }
    chmodSync(to, entry.mode);
  } else {
    try {
      linkSync(from, to);
    } catch {
      copyFileSync(from, to);
    }
  }
}
