// npm run bench:slow-disk [-- --delays 0,20] [--seconds 10] [--durability full,normal]
// What those who store nothing notice of a slow disk: pings, and messages between two who are online, while others store
// without a pause; the disk as it is, and with each sync made to take longer. Prints a table. Needs Linux and gcc: the delay
// is preloaded into the server (slow-sync.c).

import { spawnSync } from "node:child_process";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { balcony } from "../demo/programs.ts";
import { BuiltServer } from "../support/built-server.ts";
import { PASSWORD, Puppet } from "./puppet.ts";

const ROSTER_WRITERS = 15;
const OFFLINE_WRITERS = 15;
const GAP_MS = 2;

const { values: options } = parseArgs({
  options: {
    delays: { type: "string", default: "0,20" },
    seconds: { type: "string", default: "10" },
    durability: { type: "string", default: "full" },
  },
});

/** Sends, and resolves with the milliseconds until a word comes, to the same one unless told. */
function trip(sender: Puppet, xml: string, word: string, receiver = sender): Promise<number> {
  const begun = performance.now();
  return new Promise((resolve) => {
    let received = "";
    receiver.onData((text) => {
      received += text;
      if (received.includes(word)) resolve(performance.now() - begun);
    });
    sender.send(xml);
  });
}

const ping = (id: string): string => `<iq type='get' id='${id}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`;
const message = (to: string, id: string): string =>
  `<message to='${to}' type='chat' id='${id}'><body>x</body><no-store xmlns='urn:xmpp:hints'/></message>`;

/** One who stores, waits until it is acknowledged, and stores again. */
class Writer {
  written = 0;
  readonly #puppet: Puppet;
  readonly #write: (id: string) => string;
  #stopped = false;

  constructor(puppet: Puppet, write: (id: string) => string) {
    this.#puppet = puppet;
    this.#write = write;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      const id = `w${this.written}.`;
      await trip(this.#puppet, this.#write(id), id);
      this.written += 1;
    }
  }

  stop(): void {
    this.#stopped = true;
  }
}

const rosterSet = (id: string): string =>
  `<iq type='set' id='${id}'><query xmlns='jabber:iq:roster'><item jid='a@example.org' name='${id}'/></query></iq>`;
// A stream is handled in order: the answer to the ping comes after the message is stored.
const offlineMessage = (id: string): string =>
  `<message to='absent@localhost' type='chat'><body>${"x".repeat(300)}</body></message>${ping(id)}`;

function percentiles(times: readonly number[]): string[] {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return [at(0.5), at(0.99), at(1)].map((ms) => ms.toFixed(1));
}

/** Syncs that the main thread has waited for. */
async function mainThreadSyncs(trace: string): Promise<number> {
  return (await stat(trace).catch(() => ({ size: 0 }))).size;
}

async function measure(server: BuiltServer, trace: string): Promise<string[]> {
  const [one, other] = [
    await Puppet.login(server.directTlsPort, "one"),
    await Puppet.login(server.directTlsPort, "two"),
  ];
  const writers: Writer[] = [];
  for (let n = 0; n < ROSTER_WRITERS + OFFLINE_WRITERS; n += 1) {
    const puppet = await Puppet.login(server.directTlsPort, `writer${n}`);
    if (n < ROSTER_WRITERS) await trip(puppet, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>", "'r'");
    writers.push(new Writer(puppet, n < ROSTER_WRITERS ? rosterSet : offlineMessage));
  }
  await server.vitals(false); // forgets the longest turn so far
  const syncs = await mainThreadSyncs(trace);
  const running = writers.map((writer) => writer.run());
  const pings: number[] = [];
  const messages: number[] = [];
  const begun = performance.now();
  for (let n = 0; performance.now() < begun + Number(options.seconds) * 1000; n += 1) {
    pings.push(await trip(one, ping(`p${n}.`), `p${n}.`));
    messages.push(await trip(one, message(other.jid, `m${n}.`), `m${n}.`, other));
    await new Promise((resolve) => setTimeout(resolve, GAP_MS));
  }
  const elapsed = performance.now() - begun;
  const written = writers.reduce((sum, writer) => sum + writer.written, 0);
  for (const writer of writers) writer.stop();
  await Promise.all(running);
  const { longestPauseMs } = await server.vitals(false);
  const blocked = (await mainThreadSyncs(trace)) - syncs;
  return [
    ...percentiles(pings),
    ...percentiles(messages),
    longestPauseMs.toFixed(0),
    String(blocked),
    ((written / elapsed) * 1000).toFixed(0),
  ];
}

async function run(library: string, delay: string, durability: string): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "balcony-slow-disk-"));
  const env = {
    BALCONY_STORAGE_PATH: join(folder, "data"),
    BALCONY_AUTH_SCRAM_ITERATIONS: "4096",
    BALCONY_LIMITS_OFFLINE_MESSAGES: "10000000",
    BALCONY_LIMITS_BYTES_PER_SECOND: "0",
    ...(durability !== "full" && { BALCONY_STORAGE_DURABILITY: durability }),
  };
  const trace = join(folder, "trace");
  let server: BuiltServer | undefined;
  try {
    const users = [
      "one",
      "two",
      "absent",
      ...Array.from({ length: ROSTER_WRITERS + OFFLINE_WRITERS }, (_, n) => `writer${n}`),
    ];
    for (const user of users) await balcony(["user", "add", user], env, `${PASSWORD}\n`);
    server = await BuiltServer.start({
      env: { ...env, LD_PRELOAD: library, SLOW_SYNC_MS: delay, SLOW_SYNC_TRACE: trace },
    });
    return [durability, `${delay} ms`, ...(await measure(server, trace))];
  } finally {
    await server?.stop("SIGTERM");
    await rm(folder, { recursive: true, force: true });
  }
}

const build = await mkdtemp(join(tmpdir(), "balcony-slow-sync-"));
try {
  const library = join(build, "slow-sync.so");
  const source = fileURLToPath(new URL("slow-sync.c", import.meta.url));
  const compiled = spawnSync("gcc", ["-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], { encoding: "utf8" });
  const runs = options.durability
    .split(",")
    .flatMap((durability) => options.delays.split(",").map((ms) => [durability, ms] as const));
  if (process.platform !== "linux" || compiled.status !== 0) {
    for (const [durability, ms] of runs) console.log(`SKIPPED: ${durability}, ${ms} ms (needs Linux and gcc)`);
    console.log(`${runs.length} skipped. ${compiled.stderr ?? compiled.error ?? ""}`);
  } else {
    console.log(
      `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}`,
    );
    console.log(
      "| durability | a sync takes longer by | ping median ms | p99 | worst | message median ms | p99 | worst | longest turn ms | syncs on the main thread | writes/s |",
    );
    console.log("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for (const [durability, ms] of runs) console.log(`| ${(await run(library, ms, durability)).join(" | ")} |`);
  }
} finally {
  await rm(build, { recursive: true, force: true });
}
