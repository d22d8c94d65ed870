// The load rig, which is no part of the project: found, called once for each workload, and its results read. A server that
// ends under a workload is left out of it, and the workload is done again with the others.

import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { isInstalled } from "./peers.ts";
import type { Outcome } from "./rows.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const DEFAULT_RIG = "../shared/rigs/bench";
const TOOLS = { python3: "python3", cc: "gcc libssl-dev", openssl: "openssl", taskset: "util-linux" };
const LONGEST_MS = 60 * 60_000;
const LAST_LINES = 8;
const KILL_AFTER_MS = 60_000;

/** One server of a run: an item of --server, and the commands of one that is not the rig's own. */
export type RigServer = {
  readonly server: string;
  readonly name: string;
  readonly start?: string;
  readonly provision?: string;
};

export type ServerResult = {
  readonly version: string;
  /** By the label of the step, each repetition that succeeded. */
  readonly runs: Readonly<Record<string, readonly Outcome[]>>;
  readonly results: Readonly<Record<string, Outcome & { readonly error?: string }>>;
};

export type RigRun = {
  /** By the server's name. */
  readonly servers: Readonly<Record<string, ServerResult>>;
  /** Who ended, or could not be started, and why. */
  readonly failed: ReadonlyMap<string, string>;
};

export type RigOptions = {
  readonly folder: string;
  readonly work: string;
  readonly env: Readonly<Record<string, string>>;
  /** For the rig as they are. */
  readonly more: readonly string[];
};

/** The folder of the rig. Throws a sentence that says what to do where it is not, or cannot run. */
export function findRig(given: string | undefined): string {
  const folder = resolve(given === undefined ? join(ROOT, DEFAULT_RIG) : given);
  if (!existsSync(join(folder, "run")) || !existsSync(join(folder, "xload.c"))) {
    throw new Error(
      `there is no load rig in ${folder}: put its folder (with run and xload.c) there, or name it with --rig DIR; ` +
        "`npm run bench -- --micro` needs none",
    );
  }
  const missing = Object.entries(TOOLS).filter(([tool]) => !isInstalled(tool));
  if (missing.length > 0) {
    throw new Error(
      `the load rig needs ${missing.map(([tool]) => tool).join(", ")}; on Debian: ` +
        `apt-get install ${missing.map(([, packages]) => packages).join(" ")}`,
    );
  }
  return folder;
}

export class Rig {
  readonly #options: RigOptions;
  readonly #stopping = new AbortController();
  #runs = 0;

  constructor(options: RigOptions) {
    this.#options = options;
  }

  /** Ends what is running; nothing more is started. */
  stop(): void {
    this.#stopping.abort();
  }

  get stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** One workload with all the servers in lock-step. Does not reject: what fails is in the result. */
  async run(workload: string, servers: readonly RigServer[], more: readonly string[] = []): Promise<RigRun> {
    const failed = new Map<string, string>();
    let left = servers;
    for (;;) {
      const { code, said, json } = await this.#call(workload, left, more);
      const results = readResults(json);
      if (code === 0 || this.stopped) return { servers: results, failed };
      const culprit = this.#culprit(said, left);
      const reason = (said.at(-1) ?? `the rig ended with ${code}`) + this.#lastWords(culprit);
      if (culprit === undefined) {
        for (const { name } of left) failed.set(name, reason);
        return { servers: results, failed };
      }
      failed.set(culprit, reason);
      left = left.filter(({ name }) => name !== culprit);
      process.stderr.write(
        `${workload}: ${reason}; ${left.length === 0 ? "nobody is left" : "once more without it"}\n`,
      );
      if (left.length === 0) return { servers: {}, failed };
    }
  }

  // Its log goes with the folder.
  #lastWords(server: string | undefined): string {
    const file = join(this.#options.work, server ?? "", "server.log");
    if (server === undefined || !existsSync(file)) return "";
    const lines = readFileSync(file, "utf8").trimEnd().split("\n").slice(-LAST_LINES);
    return `; its log ends: ${lines.join(" / ")}`;
  }

  // The rig names it when a server ends or never listens, and leaves half a template when it cannot be provisioned.
  #culprit(said: readonly string[], servers: readonly RigServer[]): string | undefined {
    const named = said.map((line) => /^(\S+): (?:server process|no listener)/.exec(line)?.[1]).find((name) => name);
    if (named !== undefined) return servers.some(({ name }) => name === named) ? named : undefined;
    return servers.find(({ name }) => existsSync(join(this.#options.work, name, "template.new")))?.name;
  }

  async #call(workload: string, servers: readonly RigServer[], more: readonly string[]) {
    const { folder, work, env } = this.#options;
    this.#runs += 1;
    const json = join(work, `results-${this.#runs}.json`);
    const given = servers.filter(({ start }) => start !== undefined);
    const options = [
      ...["--server", servers.map(({ server }) => server).join(",")],
      ...given.flatMap(({ name, start = "", provision = "" }) => [
        ...["--name", name, "--start", start],
        ...["--adduser", provision],
      ]),
      ...["--workload", workload, "--work", work, "--json", json],
      ...this.#options.more,
      ...more,
    ];
    // In a group of its own: it is told to stop by its pid alone, and stops what it has started.
    const child = spawn(join(folder, "run"), options, {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const said: string[] = [];
    createInterface({ input: child.stdout }).on("line", (line) => process.stderr.write(`${line}\n`));
    createInterface({ input: child.stderr }).on("line", (line) => {
      said.push(line);
      process.stderr.write(`${line}\n`);
    });
    let kill: NodeJS.Timeout | undefined;
    const end = (): void => {
      child.kill("SIGTERM");
      kill ??= setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS);
    };
    const limit = setTimeout(() => {
      said.push(`${workload} took longer than ${LONGEST_MS / 60_000} minutes`);
      end();
    }, LONGEST_MS);
    this.#stopping.signal.addEventListener("abort", end);
    const code = await new Promise<number>((settle) => {
      child.once("error", (error) => {
        said.push(error.message);
        settle(-1);
      });
      child.once("close", (status) => settle(status ?? -1));
    });
    clearTimeout(limit);
    clearTimeout(kill);
    this.#stopping.signal.removeEventListener("abort", end);
    return { code, said, json };
  }
}

function readResults(file: string): Readonly<Record<string, ServerResult>> {
  if (!existsSync(file)) return {};
  const results = JSON.parse(readFileSync(file, "utf8")) as Record<string, ServerResult>;
  rmSync(file);
  return results;
}
