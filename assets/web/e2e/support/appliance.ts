/** A running server of the real executable. */
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, mkdirSync, readFileSync, type WriteStream } from "node:fs";
import { join } from "node:path";

import { until } from "./api";
import { EXECUTABLE, RESULTS } from "./paths";
import { stateDirectory } from "./state";

/** Time for the address to be printed, for every engine to be there, and for an orderly end, in milliseconds. */
const ADDRESS_MS = 60_000;
const READY_MS = 120_000;
const STOP_MS = 20_000;

/** Ends what a runner that was itself killed would leave behind: the kernel closes its standard input with the runner. */
const GUARD = `
read -r _
kill -TERM "$SERVER" 2>/dev/null
for _ in $(seq 75); do kill -0 "$SERVER" 2>/dev/null || break; sleep 0.2; done
kill -KILL "$SERVER" 2>/dev/null
find "$STATE" -name postmaster.pid -exec head -n 1 {} \\; | xargs -r kill -QUIT 2>/dev/null
sleep 0.5
rm -rf "$STATE"
`;

export interface Launch {
  /** Of the log file. */
  name: string;
}

export class Appliance {
  private constructor(
    /** `http://127.0.0.1:PORT` */
    readonly base: string,
    /** Its state directory. */
    readonly state: string,
    readonly logFile: string,
    private readonly child: ChildProcess,
    private readonly guard: ChildProcess,
  ) {}

  /** Starts a server and waits for its address only. */
  static async start({ name }: Launch): Promise<Appliance> {
    mkdirSync(RESULTS, { recursive: true });
    const logFile = join(RESULTS, `${name}.log`);
    const log = createWriteStream(logFile);
    const state = stateDirectory();
    const options = ["--listen", "127.0.0.1:0", "--profile", "starter", "--state-dir", state];
    const child = spawn(EXECUTABLE, ["serve", ...options], { stdio: ["ignore", "pipe", "pipe"] });
    const environment = { ...process.env, SERVER: String(child.pid), STATE: state };
    const guard = spawn("sh", ["-c", GUARD], { stdio: ["pipe", "ignore", "ignore"], env: environment });
    try {
      return new Appliance(await printedAddress(child, log), state, logFile, child, guard);
    } catch (error) {
      guard.stdin.end();
      throw new Error(`${EXECUTABLE} serve printed no address; its log: ${logFile}`, { cause: error });
    }
  }

  /** Waits until every task has an engine. */
  async ready(): Promise<void> {
    const answers = async (): Promise<boolean> => {
      if (this.child.exitCode !== null) {
        throw new Error(`the server ended before it was ready; its log: ${this.logFile}`);
      }
      return fetch(`${this.base}/readyz`).then(
        (answer) => answer.ok,
        () => false,
      );
    };
    await until(answers, `the server is ready (its log: ${this.logFile})`, READY_MS);
  }

  /** Ends the server in an orderly way, then what is left, and removes its state. */
  async stop(): Promise<void> {
    const ended = new Promise<void>(
      (resolve) =>
        void this.guard.once("exit", () => {
          resolve();
        }),
    );
    this.guard.stdin?.end();
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, STOP_MS))]);
  }
}

/** The last lines of a server's log. */
export function tail(logFile: string, lines = 80): string {
  return readFileSync(logFile, "utf8").split("\n").slice(-lines).join("\n");
}

function printedAddress(child: ChildProcess, log: WriteStream): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error("it took too long"));
    }, ADDRESS_MS);
    let printed = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      log.write(chunk);
      printed += chunk.toString();
      const address = /http:\/\/[\d.:]+\d/.exec(printed)?.[0];
      if (address !== undefined) {
        clearTimeout(timer);
        resolve(address);
      }
    });
    child.stderr?.on("data", (chunk: Buffer) => log.write(chunk));
    child.once("error", reject);
    child.once("exit", (code) => {
      reject(new Error(`it ended with ${String(code)}`));
    });
  });
}
