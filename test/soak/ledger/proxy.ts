// What is between clients and the server: a connection may break at any octet, in either direction, in several ways.

import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { Random } from "../../fuzz/random.ts";
import type { Counters } from "./world.ts";

/**
 * `cut` and `reset`: both ways at once. `half-close`: nothing more comes that way, the other goes on for a while. `swallow`:
 * what is written that way never arrives, and the writer learns of it late. `stall`: it arrives late.
 */
type Harm = "cut" | "reset" | "half-close" | "swallow" | "stall";

export class BreakingProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #calm = false;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** @param target port of the server, as it is then; 0: there is none */
  static async open(random: Random, target: () => number, counters: Counters): Promise<BreakingProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const proxy = new BreakingProxy(server);
    server.on("connection", (client) => {
      const port = target();
      if (port === 0) {
        client.resetAndDestroy();
        return;
      }
      const upstream = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
      const link = new Link(client, upstream, random, (how) => counters.harmed(how));
      if (proxy.#calm) link.spare();
      proxy.#links.add(link);
      link.onEnd = () => void proxy.#links.delete(link);
    });
    return proxy;
  }

  /** From now on connections live as long as those at their ends want. */
  calm(): void {
    this.#calm = true;
    for (const link of this.#links) link.spare();
  }

  close(): Promise<void> {
    for (const link of [...this.#links]) link.end();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

class Link {
  onEnd: () => void = () => {};
  readonly #ends: readonly [Socket, Socket];
  readonly #random: Random;
  readonly #harmed: (how: Harm) => void;
  /** Octets that still pass, each way, until something happens. */
  #left: [number, number];
  readonly #swallowed: [boolean, boolean] = [false, false];
  #spared = false;
  #ended = false;

  constructor(client: Socket, server: Socket, random: Random, harmed: (how: Harm) => void) {
    this.#ends = [client, server];
    this.#random = random;
    this.#harmed = harmed;
    this.#left = this.#plan();
    this.#forward(0);
    this.#forward(1);
    for (const end of this.#ends) {
      end.on("error", () => this.end());
      end.on("close", () => this.end());
    }
  }

  spare(): void {
    this.#spared = true;
    this.#left = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const end of this.#ends) end.destroy();
    this.onEnd();
  }

  // Within the handshakes, after them, or not at all. Any octet of the range is as likely as another.
  #plan(): [number, number] {
    const random = this.#random;
    const left = random.weighted<number>([
      [3, random.below(8_000)],
      [6, 4_000 + random.below(16_000)],
      [3, 4_000 + random.below(80_000)],
      [2, Number.POSITIVE_INFINITY],
    ]);
    return random.chance(0.5) ? [left, Number.POSITIVE_INFINITY] : [Number.POSITIVE_INFINITY, left];
  }

  #forward(way: 0 | 1): void {
    const from = this.#ends[way];
    const to = this.#ends[1 - way] as Socket;
    from.on("data", (chunk: Buffer) => {
      if (this.#swallowed[way]) return;
      const passes = Math.min(this.#left[way], chunk.length);
      this.#left[way] -= passes;
      if (passes > 0 && !to.write(chunk.subarray(0, passes))) from.pause();
      if (passes < chunk.length) this.#harm(way, chunk.subarray(passes));
    });
    to.on("drain", () => from.resume());
    from.on("end", () => to.end());
  }

  #harm(way: 0 | 1, rest: Buffer): void {
    const from = this.#ends[way];
    const to = this.#ends[1 - way] as Socket;
    const random = this.#random;
    const how = random.weighted<Harm>([
      [4, "cut"],
      [2, "reset"],
      [2, "half-close"],
      [4, "swallow"],
      [3, "stall"],
    ]);
    this.#harmed(how);
    switch (how) {
      case "cut":
        to.end(() => this.end()); // what had passed arrives
        break;
      case "reset":
        for (const end of this.#ends) end.resetAndDestroy();
        this.end();
        break;
      case "stall":
        from.pause();
        this.#later(random.below(1_500), () => {
          this.#left = this.#spared ? this.#left : this.#plan();
          to.write(rest);
          from.resume();
        });
        break;
      default:
        this.#swallowed[way] = true;
        if (how === "half-close") to.end();
        this.#later(random.below(3_000), () => this.end());
    }
  }

  #later(ms: number, work: () => void): void {
    setTimeout(() => {
      if (!this.#ended) work();
    }, ms);
  }
}
