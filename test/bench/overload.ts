// npm run bench:overload [-- --only half-open,flood] [--seconds 8]
// What the others notice of an attack: the message round trip of an innocent pair, quiet and under each attack, and what the
// server holds before, during and after it. Prints a table. Attackers come from other addresses of loopback (127.0.9.x) and
// run in a process of their own at a low priority: what is measured is the server, not the fight for this machine.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { balcony } from "../demo/programs.ts";
import { BuiltServer, type Vitals } from "../support/built-server.ts";
import type { Attack, Order } from "./attacker.ts";
import { ACCOUNT, PASSWORD, Puppet } from "./puppet.ts";

const ATTACKS: readonly Attack[] = ["half-open", "slow-headers", "wrong-passwords", "flood", "stalled-reader"];
const TARGET = 3;
const GAP_MS = 2;
const LATE_MS = 10_000;
const SETTLED_MS = 40_000;

const { values: options } = parseArgs({
  options: { only: { type: "string" }, seconds: { type: "string", default: "8" } },
});
const seconds = Number(options.seconds);
const chosen = ATTACKS.filter((attack) => options.only === undefined || options.only.split(",").includes(attack));

type Trips = {
  readonly median: number;
  readonly p90: number;
  readonly p99: number;
  readonly worst: number;
  readonly count: number;
};

/** Two who write to each other. */
class Pair {
  readonly #one: Puppet;
  readonly #other: Puppet;
  #next = 0;

  private constructor(one: Puppet, other: Puppet) {
    this.#one = one;
    this.#other = other;
  }

  static async start(port: number): Promise<Pair> {
    return new Pair(await Puppet.login(port, ACCOUNT.one), await Puppet.login(port, ACCOUNT.other));
  }

  async measure(ms: number): Promise<Trips> {
    const times: number[] = [];
    const end = performance.now() + ms;
    while (performance.now() < end) {
      times.push(await this.#trip());
      await new Promise((resolve) => setTimeout(resolve, GAP_MS));
    }
    times.sort((a, b) => a - b);
    const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
    return { median: at(0.5), p90: at(0.9), p99: at(0.99), worst: times.at(-1) ?? 0, count: times.length };
  }

  /** Milliseconds from a message to the answer that the other one sends at once. */
  #trip(): Promise<number> {
    const id = `n${this.#next++}.`;
    const from = performance.now();
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no round trip within ${LATE_MS} ms`)), LATE_MS);
      this.#other.onData((text) => {
        if (text.includes(id)) this.#other.send(message(this.#one.jid, id));
      });
      this.#one.onData((text) => {
        if (!text.includes(id)) return;
        clearTimeout(late);
        resolve(performance.now() - from);
      });
      this.#one.send(message(this.#other.jid, id));
    });
  }
}

function message(to: string, id: string): string {
  return `<message to='${to}' type='chat'><body>${id}</body></message>`;
}

class Attacker {
  readonly #child: ChildProcess;

  constructor(order: Order) {
    const program = fileURLToPath(new URL("attacker.ts", import.meta.url));
    this.#child = spawn(process.execPath, ["--import", "tsx", program], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#child.send(order);
  }

  /** What became of the attack. */
  stop(): Promise<Record<string, number>> {
    return new Promise((resolve) => {
      let counts: Record<string, number> = {};
      this.#child.on("message", (said: { counts: Record<string, number> }) => {
        counts = said.counts;
      });
      this.#child.once("exit", () => resolve(counts));
      this.#child.send("stop");
    });
  }
}

/** When the connections of an attack are gone, or after a while. */
async function settled(server: BuiltServer, sockets: number): Promise<Vitals> {
  const deadline = Date.now() + SETTLED_MS;
  for (;;) {
    const vitals = await server.vitals();
    if (socketsOf(vitals) <= sockets || Date.now() > deadline) return vitals;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

function socketsOf({ handles }: Vitals): number {
  return (handles.TCPSocketWrap ?? 0) + (handles.TLSWrap ?? 0);
}

const mb = (octets: number): string => (octets / 1024 / 1024).toFixed(0);
const ms = (value: number): string => value.toFixed(2);

async function run(server: BuiltServer, attack: Attack): Promise<(string | number)[]> {
  // A pair for each attack, in a server that has seen the attacks before: as it would be.
  const pair = await Pair.start(server.directTlsPort);
  await pair.measure(1_000);
  const before = await server.vitals();
  const quiet = await pair.measure(3_000);
  const attacker = new Attacker({ attack, c2s: server.c2sPort, directTls: server.directTlsPort });
  await pair.measure(1_500); // its program starts
  await server.vitals(false); // forgets the longest turn so far
  const under = await pair.measure(seconds * 1_000);
  const during = await server.vitals(false);
  const counts = await attacker.stop();
  const after = await settled(server, socketsOf(before));
  const ratio = under.median / quiet.median;
  if (ratio > TARGET) process.exitCode = 1;
  const story = Object.entries(counts).map(([what, number]) => `${number} ${what}`);
  return [
    attack,
    ms(quiet.median),
    ms(under.median),
    ratio.toFixed(1),
    `${ms(quiet.p90)} ${ms(under.p90)}`,
    `${ms(quiet.p99)} ${ms(under.p99)}`,
    ms(under.worst),
    during.longestPauseMs.toFixed(0),
    `${mb(before.rss)} ${mb(during.rss)} ${mb(after.rss)}`,
    `${mb(before.heapUsed)} ${mb(during.heapUsed)} ${mb(after.heapUsed)}`,
    story.join(", "),
  ];
}

const folder = await mkdtemp(join(tmpdir(), "balcony-overload-"));
const env = { BALCONY_STORAGE_PATH: folder, BALCONY_AUTH_SCRAM_ITERATIONS: "10000", BALCONY_LOG_LEVEL: "info" };
let server: BuiltServer | undefined;
try {
  for (const user of Object.values(ACCOUNT)) await balcony(["user", "add", user], env, `${PASSWORD}\n`);
  server = await BuiltServer.start({ env });
  console.log(
    `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}`,
  );
  console.log(
    "| attack | quiet median ms | median | times | p90 quiet, under attack | p99 quiet, under attack | worst | longest turn ms | RSS before, during, after MB | heap MB | what became of it |",
  );
  console.log("|---|---|---|---|---|---|---|---|---|---|---|");
  for (const attack of chosen) console.log(`| ${(await run(server, attack)).join(" | ")} |`);
} finally {
  await server?.stop("SIGTERM");
  await rm(folder, { recursive: true, force: true });
}
