// The programs of the demo beside the server: its command line, and xmpp.js clients, each stopped by its pid.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const WAIT_MS = 15_000;

/** Lines of a program's output, one after the other. */
class Lines {
  readonly #lines: string[] = [];
  #waiting: (() => void) | undefined;
  #ended = false;

  constructor(output: Readable | null) {
    if (output === null) throw new Error("no output to read");
    const reader = createInterface({ input: output });
    reader.on("line", (line) => {
      this.#lines.push(line);
      this.#wake();
    });
    reader.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
  }

  async next(what: string): Promise<string> {
    while (this.#lines.length === 0) {
      if (this.#ended) throw new Error(`the program ended while waiting for ${what}`);
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`waited too long for ${what}`)), WAIT_MS);
        this.#waiting = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#lines.shift() as string;
  }

  #wake(): void {
    this.#waiting?.();
    this.#waiting = undefined;
  }
}

/** Runs one command of the command line to its end. Rejects with what it printed if it fails. */
export function balcony(args: readonly string[], env: Record<string, string>, input = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [`${ROOT}/dist/server/main.js`, ...args], {
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let [out, problems] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      problems += chunk.toString();
    });
    child.on("exit", (code) =>
      code === 0 ? resolve(out.trim()) : reject(new Error(`balcony ${args.join(" ")}: ${problems}${out}`)),
    );
    child.stdin.end(input);
  });
}

/** One xmpp.js client. */
export class XmppProcess {
  readonly #child: ChildProcess;
  readonly #lines: Lines;
  jid = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#lines = new Lines(child.stdout);
  }

  /** Logs in over TLS; the certificate is checked against `caFile`. */
  static async login(options: {
    port: number;
    domain: string;
    user: string;
    password: string;
    resource: string;
    caFile: string;
  }): Promise<XmppProcess> {
    const child = spawn(process.execPath, ["--import", "tsx", `${ROOT}/test/demo/xmpp-client.ts`], {
      cwd: ROOT,
      env: {
        ...process.env,
        NODE_EXTRA_CA_CERTS: options.caFile,
        DEMO_SERVICE: `xmpp://127.0.0.1:${options.port}`,
        DEMO_DOMAIN: options.domain,
        DEMO_USER: options.user,
        DEMO_PASSWORD: options.password,
        DEMO_RESOURCE: options.resource,
      },
      stdio: ["pipe", "pipe", "inherit"],
    });
    const client = new XmppProcess(child);
    for (;;) {
      const said = await client.#next("the login");
      if (said.failed !== undefined) throw new Error(said.failed);
      if (said.online === undefined) continue;
      client.jid = said.online;
      return client;
    }
  }

  send(xml: string): void {
    this.#child.stdin?.write(`${JSON.stringify({ send: xml })}\n`);
  }

  /** The next stanza that fits, others being skipped. */
  async stanza(what: string, fits: (xml: string) => boolean): Promise<string> {
    for (;;) {
      const { stanza } = await this.#next(what);
      if (stanza !== undefined && fits(stanza)) return stanza;
    }
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#child.exitCode !== null) return resolve();
      this.#child.once("exit", () => resolve());
      this.#child.stdin?.end();
      return undefined;
    });
  }

  async #next(what: string): Promise<{ online?: string; stanza?: string; failed?: string }> {
    return JSON.parse(await this.#lines.next(what));
  }
}
