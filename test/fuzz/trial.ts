// The server under trial: the built program with accounts, tokens and neighbours, its log read for what must never stand
// there, its memory before and after.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { balcony } from "../demo/programs.ts";
import { BuiltServer, type LogLine, type Vitals } from "../support/built-server.ts";
import { NEIGHBOURS, Neighbours, QUIET_DOMAIN } from "./neighbours.ts";
import { BODY_MARK, FOREIGN_DOMAIN, PASSWORD, USERS } from "./words.ts";

/** Short, so that a connection which says nothing costs the fuzzer little time. */
const HANDSHAKE_SECONDS = 6;
/** What the server may take beyond that to end a connection: its farewell, and a busy machine. */
export const END_MS = (HANDSHAKE_SECONDS + 14) * 1_000;

const SETTLED_MS = 30_000;
const MB = 1024 * 1024;
/** Caches fill and pages fragment; a leak of every case does not stay below this. */
const HEAP_GROWTH = 24 * MB;
const RSS_GROWTH = 200 * MB;
const LONGEST_PAUSE_MS = 3_000;

export class Trial {
  readonly problems: string[] = [];
  readonly #folder: string;
  readonly #env: Readonly<Record<string, string>>;
  #server: BuiltServer;
  #neighbours: Neighbours;
  #quietToken: string;
  token: string;
  #before: Vitals | undefined;
  #stopping = false;

  private constructor(folder: string, env: Record<string, string>, tokens: { own: string; quiet: string }) {
    this.#folder = folder;
    this.#env = env;
    this.token = tokens.own;
    this.#quietToken = tokens.quiet;
    this.#server = undefined as never;
    this.#neighbours = undefined as never;
  }

  static async start(): Promise<Trial> {
    const folder = await mkdtemp(join(tmpdir(), "balcony-fuzz-"));
    const env = {
      BALCONY_STORAGE_PATH: folder,
      BALCONY_GATEWAY_DOMAINS: `${FOREIGN_DOMAIN},${QUIET_DOMAIN}`,
      BALCONY_C2S_REQUIRE_TLS: "false",
      BALCONY_AUTH_SCRAM_ITERATIONS: "4096",
      BALCONY_AUTH_MAX_DELAY_SECONDS: "0.5",
      BALCONY_LIMITS_HANDSHAKE_TIMEOUT_SECONDS: String(HANDSHAKE_SECONDS),
    };
    for (const user of USERS) await balcony(["user", "add", user], env, `${PASSWORD}\n`);
    for (const user of NEIGHBOURS) await balcony(["user", "add", user], env, "neighbour\n");
    const own = await balcony(["token", "add", `domain:${FOREIGN_DOMAIN}`], env);
    const quiet = await balcony(["token", "add", `domain:${QUIET_DOMAIN}`], env);
    const trial = new Trial(folder, env, { own, quiet });
    await trial.#launch();
    return trial;
  }

  get ports(): { readonly c2s: number; readonly directTls: number; readonly http: number } {
    const { c2sPort, directTlsPort, httpPort } = this.#server;
    return { c2s: c2sPort, directTls: directTlsPort, http: httpPort };
  }

  get log(): readonly string[] {
    return this.#server.log;
  }

  get rounds(): number {
    return this.#neighbours.rounds;
  }

  get longestRoundMs(): number {
    return this.#neighbours.longestMs;
  }

  /** What was noticed since the last call. Starts the server anew if it is gone, and the neighbours if they are. */
  async findings(): Promise<string[]> {
    const found = [...this.problems.splice(0), ...this.#neighbours.problems.splice(0)];
    if (found.some((problem) => problem.startsWith("the server ended"))) {
      await this.#neighbours.stop();
      await this.#launch();
    } else if (found.some((problem) => problem.startsWith("a neighbour"))) {
      await this.#neighbours.stop();
      await this.#meet();
    }
    return found;
  }

  /** Remembers what the server holds while nothing happens, for `judgeMemory`. */
  async rememberMemory(): Promise<void> {
    this.#before = await this.#settled();
  }

  /** With no case running: what did not come back. */
  async judgeMemory(): Promise<{ readonly summary: string; readonly problems: string[] }> {
    const before = this.#before;
    const after = await this.#settled();
    if (before === undefined) return { summary: "", problems: [] };
    const problems: string[] = [];
    const grown = (key: "heapUsed" | "rss" | "external"): number => after[key] - before[key];
    const mb = (octets: number): string => `${Math.round(octets / MB)} MB`;
    if (grown("heapUsed") > HEAP_GROWTH) problems.push(`memory: the heap grew by ${mb(grown("heapUsed"))}`);
    if (grown("external") > HEAP_GROWTH) problems.push(`memory: buffers grew by ${mb(grown("external"))}`);
    if (grown("rss") > RSS_GROWTH) problems.push(`memory: the process grew by ${mb(grown("rss"))}`);
    if (sockets(after) > sockets(before)) {
      problems.push(`sockets: ${sockets(after)} are open, ${sockets(before)} were before`);
    }
    if (after.longestPauseMs > LONGEST_PAUSE_MS) {
      problems.push(`pause: one turn of the event loop took ${Math.round(after.longestPauseMs)} ms`);
    }
    const summary = `heap ${mb(before.heapUsed)} -> ${mb(after.heapUsed)}, process ${mb(before.rss)} -> ${mb(after.rss)}, longest turn ${Math.round(after.longestPauseMs)} ms`;
    return { summary, problems };
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#neighbours?.stop();
    const { code } = await this.#server.stop("SIGTERM");
    const last = this.#server.log.slice(-3).join("\n");
    if (code !== 0) this.problems.push(`the server ended with exit code ${code} when it was told to stop: ${last}`);
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #launch(): Promise<void> {
    const server = await BuiltServer.start({ env: this.#env, onLog: (line) => this.#read(line) });
    this.#server = server;
    void server.ended.then(({ code, signal }) => {
      if (this.#stopping || this.#server !== server) return;
      this.problems.push(`the server ended (exit code ${code}, signal ${signal}): ${server.log.slice(-5).join("\n")}`);
    });
    await this.#meet();
  }

  async #meet(): Promise<void> {
    const { c2s, http } = this.ports;
    this.#neighbours = await Neighbours.start(c2s, http, this.#quietToken);
  }

  #read(line: LogLine | string): void {
    const text = typeof line === "string" ? line : JSON.stringify(line);
    if (typeof line === "string") this.problems.push(`on standard error: ${line.slice(0, 500)}`);
    else if (line.level === "error") this.problems.push(`in the log: ${text.slice(0, 2_000)}`);
    for (const secret of [PASSWORD, Buffer.from(PASSWORD).toString("base64").slice(0, 20), BODY_MARK, this.token]) {
      if (text.includes(secret)) this.problems.push(`a secret in the log: ${text.slice(0, 500)}`);
    }
  }

  /** Once connections of the cases before are gone, or after a while. */
  async #settled(): Promise<Vitals> {
    const deadline = Date.now() + SETTLED_MS;
    let vitals = await this.#server.vitals();
    const few = this.#before === undefined ? 12 : sockets(this.#before);
    while (sockets(vitals) > few && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      const next = await this.#server.vitals();
      vitals = { ...next, longestPauseMs: Math.max(next.longestPauseMs, vitals.longestPauseMs) };
    }
    return vitals;
  }
}

function sockets({ handles }: Vitals): number {
  return (handles.TCPSocketWrap ?? 0) + (handles.TLSWrap ?? 0);
}
