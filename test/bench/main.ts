// npm run bench: Balcony beside Prosody, ejabberd and jabberd2 under the load rig, in lock-step, as a table of ratios.
//   npm run bench -- [--workload b,e,c,a,f,d,g] [--only REGEX] [--reps 3] [--secs 5] [--peers LIST] [--stub] [--rig DIR]
//                    [--json FILE] [--markdown FILE] [--work DIR] [-- more options of the rig]
//   npm run bench -- --micro [NAMES]: the parts by themselves
// docs/performance.md says what is measured and how to read it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { balconyVersion, machine } from "./machine.ts";
import { isInstalled, isPeer, JABBERD2_WORKLOADS, PEER_KINDS } from "./peers.ts";
import { findRig, Rig, type RigRun, type RigServer, type ServerResult } from "./rig.ts";
import { PEERS, type Peer, WORKLOADS } from "./rows.ts";
import { type Contender, fill, type Measured, type Measurements, TITLES, tables } from "./table.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** A young generation of the size that the least Node server of the rig has, too. */
const NODE_FLAGS = "--max-semi-space-size=16";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    micro: { type: "boolean", default: false },
    workload: { type: "string", default: WORKLOADS.join(",") },
    only: { type: "string" },
    reps: { type: "string", default: "3" },
    secs: { type: "string", default: "5" },
    peers: { type: "string", default: PEERS.join(",") },
    stub: { type: "boolean", default: false },
    rig: { type: "string" },
    json: { type: "string" },
    markdown: { type: "string" },
    work: { type: "string" },
    provision: { type: "string", default: join(ROOT, "test/bench/provision.ts") },
    "node-flags": { type: "string", default: NODE_FLAGS },
  },
});

async function main(): Promise<void> {
  const folder = findRig(options.rig);
  const workloads = options.workload.split(",");
  const wanted = options.peers.split(",").filter((name) => name !== "");
  const unknown = wanted.filter((name) => !isPeer(name));
  if (unknown.length > 0) throw new Error(`--peers ${unknown.join(",")}: known are ${PEERS.join(", ")}`);
  const peers = wanted.filter(isPeer).filter(checkInstalled);
  const work = options.work === undefined ? mkdtempSync(join(tmpdir(), "balcony-bench-")) : resolve(options.work);
  mkdirSync(work, { recursive: true });
  const env = { BENCH_NODE_FLAGS: options["node-flags"], NODE_PATH: join(ROOT, "node_modules") };
  const more = [
    "--reps",
    options.reps,
    "--secs",
    options.secs,
    ...(options.only ? ["--only", options.only] : []),
    ...positionals,
  ];
  const rig = new Rig({ folder, work, env, more });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => rig.stop());
  try {
    const bench = new Bench(rig, folder, peers);
    const done: string[] = [];
    for (const workload of workloads) {
      if (rig.stopped) break;
      await bench.measure(workload);
      done.push(workload);
    }
    report(bench, done);
  } finally {
    if (options.work === undefined) rmSync(work, { recursive: true, force: true });
  }
  if (rig.stopped) process.exitCode = 130;
}

function checkInstalled(peer: Peer): boolean {
  const { title, program, packages } = PEER_KINDS[peer];
  if (isInstalled(program)) return true;
  console.error(`${title} is not installed (no ${program}), and left out; on Debian: apt-get install ${packages}`);
  return false;
}

/** What every server did, over all workloads. */
class Bench {
  readonly measured = new Map<
    Contender,
    { runs: Record<string, Measured["runs"][string]>; failed: Record<string, string> }
  >();
  readonly versions = new Map<Contender, string>([["balcony", balconyVersion()]]);
  readonly #rig: Rig;
  readonly #folder: string;
  readonly #peers: readonly Peer[];

  constructor(rig: Rig, folder: string, peers: readonly Peer[]) {
    this.#rig = rig;
    this.#folder = folder;
    this.#peers = peers;
  }

  get measurements(): Measurements {
    return Object.fromEntries(this.measured);
  }

  async measure(workload: string): Promise<void> {
    const withJabberd2 = this.#peers.includes("jabberd2") && JABBERD2_WORKLOADS.includes(workload);
    const peers = this.#peers.filter((peer) => peer !== "jabberd2" || withJabberd2);
    const contenders: Contender[] = [...peers, "balcony", ...(options.stub ? (["least"] as const) : [])];
    const servers = contenders.map((contender) => this.#server(contender));
    // jabberd2 knows nothing else; in these workloads the logins are not measured.
    const run = await this.#rig.run(workload, servers, withJabberd2 ? ["--mech", "PLAIN"] : []);
    for (const contender of contenders) this.#add(contender, this.#measuredOf(contender, workload, run));
  }

  #server(contender: Contender): RigServer {
    if (contender === "balcony") {
      const main = join(ROOT, "dist/server/main.js");
      const start = `sh ${quote(join(ROOT, "test/bench/balcony.sh"))} ${quote(main)}`;
      const tsx = quote(join(ROOT, "node_modules/.bin/tsx"));
      return {
        server: "cmd",
        name: "balcony",
        start: `${start} {port} {tlsport} {cert} {key} {data} {mam}`,
        provision: `${tsx} ${quote(resolve(options.provision))} {users_tsv} {rosters_tsv} {data}`,
      };
    }
    if (contender === "least") {
      const stub = quote(join(this.#folder, "floor/stub.js"));
      return {
        server: "cmd",
        name: "least-node",
        start: `node ${NODE_FLAGS} ${stub} {port} ltx {data} {cert} {key} {mam} sqlite`,
        provision: "cp {users_tsv} {rosters_tsv} {data}/",
      };
    }
    return PEER_KINDS[contender];
  }

  #measuredOf(contender: Contender, workload: string, { servers, failed }: RigRun): Measured {
    const { name } = this.#server(contender);
    const result: ServerResult | undefined = servers[name];
    if (result?.version) this.versions.set(contender, result.version);
    const reasons: Record<string, string> = {};
    const reason = failed.get(name);
    if (reason !== undefined) reasons[workload] = reason;
    for (const [step, { error }] of Object.entries(result?.results ?? {})) {
      if (error !== undefined) reasons[step] = error;
    }
    return { runs: result?.runs ?? {}, failed: reasons };
  }

  #add(contender: Contender, { runs, failed }: Measured): void {
    const all = this.measured.get(contender) ?? { runs: {}, failed: {} };
    Object.assign(all.runs, runs);
    Object.assign(all.failed, failed);
    this.measured.set(contender, all);
  }
}

function quote(path: string): string {
  return `'${path.replaceAll("'", "'\\''")}'`;
}

function report(bench: Bench, workloads: readonly string[]): void {
  const only = options.only === undefined ? undefined : new RegExp(options.only);
  const lines = fill(bench.measurements, workloads, only);
  const date = new Date().toISOString().slice(0, 10);
  const versions = [...bench.versions].map(([contender, version]) => `${TITLES[contender]} ${version}`).join(", ");
  const missed = PEERS.filter((peer) => !bench.measured.has(peer)).map((peer) => TITLES[peer]);
  const head = [
    `Measured on ${date}: ${machine()}. ${versions}, Node ${process.versions.node} (${options["node-flags"] || "no flags"}).`,
    `${options.reps} repetitions of ${options.secs} seconds, median of pairs.${missed.length === 0 ? "" : ` Not measured: ${missed.join(", ")}.`}`,
  ].join("\n");
  const text = `${head}\n\n${tables(lines)}`;
  process.stdout.write(`\n${text}`);
  if (options.markdown !== undefined) writeFileSync(options.markdown, text);
  if (options.json === undefined) return;
  const about = { date, machine: machine(), node: process.versions.node, versions: Object.fromEntries(bench.versions) };
  writeFileSync(options.json, `${JSON.stringify({ ...about, lines, measurements: bench.measurements }, null, 1)}\n`);
}

try {
  if (options.micro) await (await import("./micro/main.ts")).runMicro(positionals);
  else await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
