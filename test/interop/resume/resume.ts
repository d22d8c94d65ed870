// Real client libraries resume their sessions (XEP-0198 section 5) after the server was killed, and after it was restarted.
// Run it with the name of one: xmppjs or slixmpp. Exit code 0: as it should be; 2: the client is not installed here.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { balcony } from "../../demo/programs.ts";
import { BuiltServer, TEST_ENV, timeout } from "../../support/built-server.ts";
import { ScriptedClient } from "../../support/client.ts";

const CLIENTS: Record<string, { readonly command: string; readonly args: readonly string[] }> = {
  xmppjs: { command: process.execPath, args: ["--import", "tsx", here("xmppjs-client.ts")] },
  slixmpp: { command: "/usr/bin/python3", args: [here("slixmpp-client.py")] },
};
const DOMAIN = "localhost";
const PATIENCE_MS = 30_000;

type Told = { readonly event: string; readonly body?: string };

function here(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The client as a process; what it tells, in order. */
class Client {
  readonly told: Told[] = [];
  readonly process: ChildProcess;
  #waiting: (() => void)[] = [];

  constructor(name: string, env: Record<string, string>) {
    const { command, args } = CLIENTS[name] as { command: string; args: readonly string[] };
    this.process = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "inherit"] });
    createInterface({ input: this.process.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      this.told.push(JSON.parse(line) as Told);
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  send(to: string, body: string): void {
    this.process.stdin?.write(`${JSON.stringify({ to, body })}\n`);
  }

  count(event: string, body?: string): number {
    return this.told.filter((each) => each.event === event && (body === undefined || each.body === body)).length;
  }

  async until(what: string, done: () => boolean): Promise<void> {
    const late = timeout(PATIENCE_MS, `${what}; it told ${JSON.stringify(this.told)}`);
    while (!done()) await Promise.race([new Promise<void>((resolve) => this.#waiting.push(resolve)), late]);
  }
}

function check(what: string, actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: ${a}, and not ${b}`);
  console.log(`  ${what}: ${a}`);
}

async function run(name: string, folder: string): Promise<void> {
  const port = await freePort();
  const env = { ...TEST_ENV, BALCONY_DOMAIN: DOMAIN, BALCONY_STORAGE_PATH: folder, BALCONY_C2S_PORT: String(port) };
  for (const user of ["romeo", "juliet"]) await balcony(["user", "add", user], env, "secret\n");
  let server = await BuiltServer.start({ env });
  const client = new Client(name, {
    NODE_TLS_REJECT_UNAUTHORIZED: "0",
    NODE_NO_WARNINGS: "1",
    RESUME_SERVICE: `xmpp://127.0.0.1:${port}`,
    RESUME_DOMAIN: DOMAIN,
    RESUME_USER: "romeo",
    RESUME_PASSWORD: "secret",
  });
  const login = () => ScriptedClient.login({ port, domain: DOMAIN, user: "juliet", password: "secret" });
  const romeo = `romeo@${DOMAIN}/resuming`;
  const expected: string[] = [];
  async function say(juliet: ScriptedClient, body: string): Promise<void> {
    expected.push(body);
    juliet.send(`<message to='${romeo}' type='chat'><body>${body}</body></message>`);
    await juliet.sync();
  }
  try {
    await client.until("no session began", () => client.count("session") === 1);
    for (const [round, signal] of (["SIGKILL", "SIGTERM", "SIGKILL"] as const).entries()) {
      let juliet = await login();
      await say(juliet, `before ${round}`);
      await client.until("a message is missing", () => client.count("message", `before ${round}`) > 0);
      await server.stop(signal);
      await client.until("the loss was not noticed", () => client.count("lost") > round);
      server = await BuiltServer.start({ env });
      juliet = await login();
      juliet.send("<presence/>");
      await say(juliet, `after ${round}`);
      await client.until("it was not resumed", () => client.count("resumed") > round);
      await client.until("a message is missing", () => client.count("message", `after ${round}`) > 0);
      client.send(juliet.full, `answer ${round}`);
      await juliet.until(`<message from='${romeo}'><body>answer ${round}</body></message>`);
      await juliet.close();
    }
    check("sessions begun", client.count("session"), 1);
    check("resumptions", client.count("resumed"), 3);
    const got = client.told.flatMap(({ event, body }) => (event === "message" ? [body] : []));
    check("messages, in order, each once", got, expected);
  } finally {
    client.process.kill("SIGKILL");
    await server.stop("SIGKILL");
  }
}

const name = process.argv[2] ?? "";
if (!(name in CLIENTS)) {
  console.error(`usage: resume.ts ${Object.keys(CLIENTS).join(" | ")}`);
  process.exit(64);
}
if (name === "slixmpp" && spawnSync("/usr/bin/python3", ["-c", "import slixmpp"]).status !== 0) {
  console.log("slixmpp is not installed");
  process.exit(2);
}
const folder = await mkdtemp(join(tmpdir(), "balcony-resume-"));
try {
  console.log(name);
  await run(name, folder);
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exit(0);
