// The built server as its command line starts it, watched from outside: its log, its end, its memory. Without vitest, for
// programs such as the fuzzer and the benches as well as for tests. Stopped by its pid.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";

const MAIN = fileURLToPath(new URL("../../dist/server/main.js", import.meta.url));
const VITALS = pathToFileURL(fileURLToPath(new URL("vitals.mjs", import.meta.url))).href;
const START_MS = 30_000;
const ANSWER_MS = 30_000;

export type LogLine = { readonly level: string; readonly msg: string; readonly [field: string]: unknown };

/** Octets, counts and milliseconds. */
export type Vitals = {
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
  readonly arrayBuffers: number;
  /** What keeps the event loop busy, by kind. */
  readonly handles: Readonly<Record<string, number>>;
  /** The longest time, since the last question, that one turn of the event loop kept the others waiting. */
  readonly longestPauseMs: number;
};

export type Ended = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type BuiltServerOptions = {
  /** A configuration file; without one the environment says it all. */
  readonly config?: string;
  readonly env: Readonly<Record<string, string>>;
  /** Is told each line of the log, and each line on standard error that is none. */
  readonly onLog?: (line: LogLine | string) => void;
};

/** Ports of loopback that are free, and a cheap hash: what every server of a test has. */
export const TEST_ENV = {
  BALCONY_C2S_PORT: "0",
  BALCONY_C2S_DIRECT_TLS_PORT: "0",
  BALCONY_HTTP_PORT: "0",
  BALCONY_AUTH_SCRAM_ITERATIONS: "4096",
} as const;

export class BuiltServer {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  readonly log: string[] = [];
  c2sPort = 0;
  directTlsPort = 0;
  httpPort = 0;
  /** 0: no components are configured. */
  componentPort = 0;
  readonly #child: ChildProcess;
  readonly #asked = new Map<number, (vitals: Vitals) => void>();
  #nextId = 0;

  private constructor(child: ChildProcess, onLog: BuiltServerOptions["onLog"]) {
    this.#child = child;
    this.pid = child.pid as number;
    this.ended = new Promise((resolve) => child.once("close", (code, signal) => resolve({ code, signal })));
    child.on("message", (answer: Vitals & { id: number }) => {
      this.#asked.get(answer.id)?.(answer);
      this.#asked.delete(answer.id);
    });
    createInterface({ input: child.stderr as NodeJS.ReadableStream }).on("line", (line) => {
      this.log.push(line);
      if (this.log.length > 1_000) this.log.shift();
      onLog?.(parse(line));
    });
    child.stdout?.resume();
  }

  /** Resolves when it listens; rejects with what it wrote if it ends before. */
  static async start({ config, env, onLog }: BuiltServerOptions): Promise<BuiltServer> {
    let listening: (line: LogLine) => void = () => {};
    const started = new Promise<LogLine>((resolve) => {
      listening = resolve;
    });
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("BALCONY_"));
    const settings = config === undefined ? [] : ["--config", config];
    const child = spawn(process.execPath, ["--import", VITALS, MAIN, "serve", ...settings], {
      env: { ...Object.fromEntries(inherited), ...TEST_ENV, ...env },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    const server = new BuiltServer(child, (line) => {
      if (typeof line !== "string" && typeof line.c2s === "number") listening(line);
      onLog?.(line);
    });
    const line = await Promise.race([
      started,
      server.ended.then(({ code }) => Promise.reject(new Error(`it ended with ${code}: ${server.log.join("\n")}`))),
      timeout(START_MS, "the server did not start in time"),
    ]);
    server.c2sPort = Number(line.c2s);
    server.directTlsPort = Number(line.directTls);
    server.httpPort = Number(line.http);
    server.componentPort = Number(line.components);
    return server;
  }

  /** What it holds, after a garbage collection unless `collect` is false. Rejects if it does not answer. */
  vitals(collect = true): Promise<Vitals> {
    const id = ++this.#nextId;
    const answered = new Promise<Vitals>((resolve) => this.#asked.set(id, resolve));
    if (!this.#child.connected) return Promise.reject(new Error("the server is gone"));
    this.#child.send({ id, collect });
    return Promise.race([answered, timeout(ANSWER_MS, "the server does not answer")]);
  }

  /** Ends it with a signal, by its pid. */
  stop(signal: "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT"): Promise<Ended> {
    this.#child.kill(signal);
    return this.ended;
  }
}

function parse(line: string): LogLine | string {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null && "msg" in value && "level" in value) return value as LogLine;
  } catch {
    // no log line
  }
  return line;
}

/** Rejects after that time, and keeps nothing running. */
export function timeout(ms: number, what: string): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(what)), ms).unref();
  });
}
