// The real program in a folder of its own: one call of it, or a running server.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach } from "vitest";

const MAIN = join(import.meta.dirname, "../../dist/server/main.js");

export type Ended = { readonly code: number | null; readonly stdout: string; readonly stderr: string };
export type Options = {
  readonly folder: string;
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
};

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** An empty folder that is removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "balcony-cli-"));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Calls the program and waits for its end. */
export async function balcony(options: Options, ...args: string[]): Promise<Ended> {
  const child = start(options, args);
  child.stdin?.on("error", () => {}); // it may end without having read its input
  child.stdin?.end(options.input ?? "");
  const [stdout, stderr, code] = await Promise.all([all(child.stdout), all(child.stderr), exit(child)]);
  return { code, stdout, stderr };
}

export type Running = {
  readonly pid: number;
  /** What it printed when it had started. */
  readonly welcome: string;
  /** The port that stands behind such a word in the welcome. */
  port(pattern: RegExp): number;
  signal(signal: NodeJS.Signals): void;
  /** The next line of its log that has this event. */
  logged(event: string): Promise<string>;
  /** Its exit code, once it ended. */
  readonly ended: Promise<number | null>;
};

/** Runs `balcony serve` and waits for the last line of its welcome. It is killed after the test. */
export async function serve(options: Options, ...args: string[]): Promise<Running> {
  const child = start(options, ["serve", ...args]);
  const ended = exit(child);
  cleanups.push(() => {
    child.kill("SIGKILL");
    return ended;
  });
  const log = collect(child.stderr);
  const out = collect(child.stdout);
  const welcome = await Promise.race([
    out.until((line) => line.startsWith("Ctrl-C")),
    ended.then((code) => Promise.reject(new Error(`serve ended with ${code}: ${log.lines.join("\n")}`))),
  ]);
  return {
    pid: child.pid as number,
    welcome,
    port(pattern) {
      const found = new RegExp(`${pattern.source}\\D*(\\d+)`).exec(welcome)?.[1];
      if (found === undefined) throw new Error(`no ${pattern} in ${welcome}`);
      return Number(found);
    },
    signal: (signal) => void child.kill(signal),
    logged: (event) => log.until((line) => line.includes(`"msg":"${event}"`)),
    ended,
  };
}

function start({ folder, env = {} }: Options, args: readonly string[]): ChildProcess {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("BALCONY_"));
  const ports = { BALCONY_C2S_PORT: "0", BALCONY_C2S_DIRECT_TLS_PORT: "0", BALCONY_HTTP_PORT: "0" };
  const cheap = { BALCONY_AUTH_SCRAM_ITERATIONS: "4096" };
  return spawn(process.execPath, [MAIN, ...args], {
    cwd: folder,
    env: { ...Object.fromEntries(inherited), ...ports, ...cheap, ...env },
    stdio: "pipe",
  });
}

function exit(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
}

async function all(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = "";
  for await (const chunk of stream ?? []) text += String(chunk);
  return text;
}

function collect(stream: NodeJS.ReadableStream | null): {
  readonly lines: string[];
  until(found: (line: string) => boolean): Promise<string>;
} {
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  if (stream !== null) {
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      for (const look of waiting) look();
    });
  }
  return {
    lines,
    until: (found) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!lines.some(found)) return;
          waiting.delete(look);
          resolve(lines.join("\n"));
        };
        waiting.add(look);
        look();
      }),
  };
}
