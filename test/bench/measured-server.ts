// The built server in a data folder that was filled before, and the processor time and memory that it takes, read from
// outside: Linux only.

import { rmSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConfigInput } from "../../server/config.ts";
import { openSqliteStore } from "../../storage/sqlite.ts";
import type { Store } from "../../storage/store.ts";
import { BuiltServer, type LogLine } from "../support/built-server.ts";

/** What a bench switches off: everything here comes from one address, and as fast as it can. */
const OPEN: ConfigInput = {
  domain: "localhost",
  auth: { throttle: false },
  log: { level: "info" }, // the line that names the ports
};

export class MeasuredServer {
  readonly server: BuiltServer;
  readonly #folder: string;

  private constructor(server: BuiltServer, folder: string) {
    this.server = server;
    this.#folder = folder;
  }

  /** @param fill makes what the server finds when it starts */
  static async start(
    fill: (store: Store, folder: string) => Promise<void>,
    { limits, c2s, ...settings }: ConfigInput = {},
  ): Promise<MeasuredServer> {
    const folder = await mkdtemp(join(tmpdir(), "balcony-measured-"));
    process.once("exit", () => rmSync(folder, { recursive: true, force: true })); // also after a failure
    const store = openSqliteStore(join(folder, "balcony.sqlite"), { durability: "normal" });
    await fill(store, folder);
    await store.close();
    const config: ConfigInput = {
      ...OPEN,
      ...settings,
      storage: { path: folder },
      c2s: { addresses: ["127.0.0.1"], port: 0, directTlsPort: 0, requireTls: false, ...c2s },
      http: { addresses: ["127.0.0.1"], port: 0 },
      limits: { connectionsPerAddress: 20_000, idleTimeoutSeconds: 0, bytesPerSecond: 0, ...limits },
    };
    const file = join(folder, "config.json");
    await writeFile(file, JSON.stringify(config));
    const server = await BuiltServer.start({ config: file, env: {}, onLog: complain });
    return new MeasuredServer(server, folder);
  }

  /** Processor time of all its threads so far, in microseconds. */
  async cpuMicros(): Promise<number> {
    const threads = `/proc/${this.server.pid}/task`;
    let nanos = 0;
    for (const thread of await readdir(threads)) {
      // "time on the processor, time waiting for it, timeslices": finer than the ticks of /proc/PID/stat.
      const said = await readFile(`${threads}/${thread}/schedstat`, "utf8").catch(() => "0");
      nanos += Number(said.split(" ", 1)[0]);
    }
    return nanos / 1_000;
  }

  async stop(): Promise<void> {
    await this.server.stop("SIGTERM");
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function complain(line: LogLine | string): void {
  if (typeof line === "string" || line.level !== "info") console.error(line);
}

/** Microseconds of the server's processor time for one unit of some work. */
export async function costOf(server: MeasuredServer, work: () => Promise<number>): Promise<number> {
  const before = await server.cpuMicros();
  const units = await work();
  return ((await server.cpuMicros()) - before) / units;
}

/** Repeats a step for some seconds, and says how many units it did in all. */
export async function repeatFor(seconds: number, step: () => Promise<number>): Promise<number> {
  const end = performance.now() + seconds * 1_000;
  let units = 0;
  do units += await step();
  while (performance.now() < end);
  return units;
}
