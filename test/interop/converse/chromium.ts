// Chromium without a window, driven over its DevTools protocol: a page, what is evaluated in it, and keys.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { WebSocket } from "ws";

const START_MS = 30_000;
const POLL_MS = 100;

type Answer = { id?: number; method?: string; params?: unknown; result?: unknown; error?: { message: string } };

export class Chromium {
  readonly #process: ChildProcess;
  readonly #profile: string;
  readonly #devtools: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #session: string | undefined;
  #lastId = 0;
  /** What the page wrote to its console. */
  readonly console: string[] = [];

  private constructor(child: ChildProcess, profile: string, devtools: WebSocket) {
    this.#process = child;
    this.#profile = profile;
    this.#devtools = devtools;
    devtools.on("message", (data) => this.#onMessage(JSON.parse(String(data)) as Answer));
  }

  /** @param args besides those that it needs to run without a window */
  static async start(program: string, args: readonly string[]): Promise<Chromium> {
    const profile = await mkdtemp(join(tmpdir(), "balcony-chromium-"));
    const all = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];
    const child = spawn(
      program,
      [...all, "--remote-debugging-port=0", `--user-data-dir=${profile}`, ...args, "about:blank"],
      {
        stdio: ["ignore", "ignore", "pipe"],
      },
    );
    const url = await devtoolsUrl(child);
    const devtools = new WebSocket(url, { perMessageDeflate: false, maxPayload: 0 });
    await new Promise((resolve, reject) => {
      devtools.once("open", resolve);
      devtools.once("error", reject);
    });
    return new Chromium(child, profile, devtools);
  }

  async open(url: string): Promise<void> {
    const { targetId } = (await this.#call("Target.createTarget", { url: "about:blank" })) as { targetId: string };
    const attached = await this.#call("Target.attachToTarget", { targetId, flatten: true });
    this.#session = (attached as { sessionId: string }).sessionId;
    await this.#call("Runtime.enable");
    await this.#call("Page.enable");
    await this.#call("Page.navigate", { url });
  }

  /** The value of an expression in the page; of a promise, what it resolves with. */
  async evaluate<T>(expression: string): Promise<T> {
    const answer = (await this.#call("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true })) as {
      result: { value: T };
      exceptionDetails?: { text: string; exception?: { description?: string } };
    };
    const thrown = answer.exceptionDetails;
    if (thrown !== undefined) throw new Error(thrown.exception?.description ?? thrown.text);
    return answer.result.value;
  }

  /** Waits until an expression is true. */
  async until(what: string, expression: string, patienceMs = 15_000): Promise<void> {
    const end = Date.now() + patienceMs;
    while (Date.now() < end) {
      if (await this.evaluate(`Boolean(${expression})`).catch(() => false)) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw new Error(`not in ${patienceMs / 1000} seconds: ${what}`);
  }

  /** Types into what has the focus, and ends with the Enter key. */
  async type(text: string): Promise<void> {
    await this.#call("Input.insertText", { text });
    const key = { key: "Enter", code: "Enter", windowsVirtualKeyCode: 13, text: "\r" };
    await this.#call("Input.dispatchKeyEvent", { type: "keyDown", ...key });
    await this.#call("Input.dispatchKeyEvent", { type: "keyUp", ...key });
  }

  /** A picture of the page, as PNG. */
  async picture(): Promise<Buffer> {
    const { data } = (await this.#call("Page.captureScreenshot")) as { data: string };
    return Buffer.from(data, "base64");
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#devtools.terminate();
    this.#process.kill();
    await ended;
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  #call(method: string, params: object = {}): Promise<unknown> {
    this.#lastId += 1;
    const id = this.#lastId;
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
    this.#devtools.send(JSON.stringify({ id, method, params, ...session }));
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result);
        else reject(new Error(`${method}: ${error.message}`));
      });
    });
  }

  #onMessage(answer: Answer): void {
    if (answer.id !== undefined) {
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    } else if (answer.method === "Runtime.consoleAPICalled" || answer.method === "Runtime.exceptionThrown") {
      this.console.push(JSON.stringify(answer.params).slice(0, 500));
    }
  }
}

function devtoolsUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("Chromium did not start in time")), START_MS);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`Chromium ended with ${code}`)));
    createInterface({ input: child.stderr as NodeJS.ReadableStream }).on("line", (line) => {
      const url = /DevTools listening on (ws:\S+)/.exec(line)?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    });
  });
}
