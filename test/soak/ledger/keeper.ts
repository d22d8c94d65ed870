// Starts the built server, kills it and starts it again on the same data folder.

import type { Random } from "../../fuzz/random.ts";
import { BuiltServer, type LogLine } from "../../support/built-server.ts";
import type { World } from "./world.ts";

const STOPPED_IN_PLACE = 0.2;

export class Keeper {
  readonly #world: World;
  readonly #env: Readonly<Record<string, string>>;
  #server: BuiltServer | undefined;
  #expected = false;

  constructor(world: World, env: Readonly<Record<string, string>>) {
    this.#world = world;
    this.#env = env;
  }

  /** 0 while there is no server. */
  port(of: "c2sPort" | "directTlsPort" | "httpPort"): number {
    return this.#server?.[of] ?? 0;
  }

  get log(): readonly string[] {
    return this.#server?.log ?? [];
  }

  async start(): Promise<void> {
    const server = await BuiltServer.start({ env: this.#env, onLog: (line) => this.#read(line) });
    this.#server = server;
    this.#expected = false;
    void server.ended.then(({ code, signal }) => {
      if (this.#expected || this.#server !== server) return;
      this.#world.ledger.stray(`the server ended by itself with ${code ?? signal}: ${server.log.slice(-5).join("\n")}`);
    });
  }

  /** Until it is calm. @param meanSeconds between a start and the next kill */
  async harm(random: Random, meanSeconds: number): Promise<void> {
    const { counters, ledger } = this.#world;
    while (meanSeconds > 0) {
      const seconds = Math.min(4 * meanSeconds, -Math.log(1 - random.below(1_000_000) / 1_000_000) * meanSeconds);
      await this.#world.pause(Math.max(300, seconds * 1_000));
      if (this.#world.calm) return;
      const gently = random.chance(STOPPED_IN_PLACE);
      if (gently) counters.stops += 1;
      else counters.kills += 1;
      const { code } = await this.stop(gently ? "SIGTERM" : "SIGKILL");
      if (gently && code !== 0) ledger.stray(`the server stopped with exit code ${code}`);
      await this.start();
    }
  }

  async stop(signal: "SIGTERM" | "SIGKILL"): Promise<{ code: number | null }> {
    const server = this.#server;
    if (server === undefined) return { code: 0 };
    this.#expected = true;
    const ended = server.stop(signal);
    if (signal === "SIGKILL") this.#server = undefined;
    const { code } = await ended;
    this.#server = undefined;
    return { code };
  }

  #read(line: LogLine | string): void {
    const text = typeof line === "string" ? line : JSON.stringify(line);
    if (typeof line === "string" || line.level === "error") {
      this.#world.ledger.stray(`in the server's log: ${text.slice(0, 1_000)}`);
    }
  }
}
