// Listening sockets of one port on several addresses, with limits on connections (RFC 6120 section 13.12), and a close
// that waits for none of them.

import { createServer, type Server, type Socket } from "node:net";
import type { Logger } from "../log.ts";

export type ConnectionLimits = { readonly connections: number; readonly connectionsPerAddress: number };

/** Counts connections over all listeners of one server. */
export class ConnectionCounter {
  readonly #limits: ConnectionLimits;
  readonly #keyOf: (address: string) => string;
  readonly #unlimited: (address: string) => boolean;
  readonly #byAddress = new Map<string, number>();
  #total = 0;

  /**
   * @param keyOf what counts as one address: of IPv6, a whole network is one customer's
   * @param unlimited addresses that may have any part of all connections
   */
  constructor(
    limits: ConnectionLimits,
    keyOf: (address: string) => string = (address) => address,
    unlimited: (address: string) => boolean = () => false,
  ) {
    this.#limits = limits;
    this.#keyOf = keyOf;
    this.#unlimited = unlimited;
  }

  /** The limit that keeps the connection out; undefined: it is in, until `release`. */
  admit(address: string): keyof ConnectionLimits | undefined {
    const key = this.#keyOf(address);
    const here = this.#byAddress.get(key) ?? 0;
    if (here >= this.#limits.connectionsPerAddress && !this.#unlimited(address)) return "connectionsPerAddress";
    if (this.#total >= this.#limits.connections) return "connections";
    this.#total += 1;
    this.#byAddress.set(key, here + 1);
    return undefined;
  }

  release(address: string): void {
    const key = this.#keyOf(address);
    this.#total -= 1;
    const here = (this.#byAddress.get(key) ?? 1) - 1;
    if (here === 0) this.#byAddress.delete(key);
    else this.#byAddress.set(key, here);
  }
}

export type ConnectionOwner = {
  connected(socket: Socket): void;
  /** Beyond a limit: whoever is told must be told cheaply, and the socket closed. */
  refused(socket: Socket, limit: keyof ConnectionLimits): void;
};

/** The port could not be opened; the message says what to do. */
export class ListenError extends Error {
  constructor(what: string, address: string, port: number, cause: NodeJS.ErrnoException) {
    const why =
      cause.code === "EADDRINUSE"
        ? "another program has it; stop that one or choose another port"
        : cause.code === "EACCES"
          ? "ports below 1024 need privileges; choose a higher one or grant the capability net_bind_service"
          : cause.code === "EADDRNOTAVAIL"
            ? "this machine has no such address; check the addresses in the configuration"
            : cause.message;
    super(`cannot listen on ${address} port ${port} (${what}): ${why}`, { cause });
    this.name = "ListenError";
  }
}

/** An IPv4 address as such, where a socket for both families has it in IPv6 form. */
export function plainAddress(remote: string | undefined): string {
  return remote?.replace(/^::ffff:(?=\d+\.)/, "") ?? "";
}

export class Listener {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #log: Logger;
  port = 0;
  /** Connections so far, and those of them that were closed at once, for a limit. */
  accepted = 0;
  refused = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Open connections. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Whether it is open, and on every address that it was opened on. */
  get listening(): boolean {
    return this.#servers.length > 0 && this.#servers.every((server) => server.listening);
  }

  /**
   * Opens the port on every address. With port 0 the first address chooses, and the others use the same.
   * A machine without IPv6 is served on the other addresses. Throws ListenError.
   */
  async open(
    what: string,
    addresses: readonly string[],
    port: number,
    counter: ConnectionCounter,
    owner: ConnectionOwner,
  ): Promise<void> {
    this.port = port;
    for (const address of addresses) {
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: false }, (socket) => {
        const remote = socket.remoteAddress ?? "";
        this.accepted += 1;
        const limit = counter.admit(remote);
        this.#sockets.add(socket);
        socket.once("close", () => {
          this.#sockets.delete(socket);
          if (limit === undefined) counter.release(remote);
        });
        if (limit === undefined) {
          owner.connected(socket);
        } else {
          this.refused += 1;
          owner.refused(socket, limit);
        }
      });
      try {
        await listen(server, address, this.port);
      } catch (error) {
        const cause = error as NodeJS.ErrnoException;
        const noIpv6 = address.includes(":") && (cause.code === "EAFNOSUPPORT" || cause.code === "EADDRNOTAVAIL");
        if (noIpv6 && addresses.length > 1) {
          this.#log.warn({ address, what }, "no-ipv6");
          continue;
        }
        await this.close();
        throw new ListenError(what, address, this.port, cause);
      }
      this.#servers.push(server);
      const bound = server.address();
      if (bound !== null && typeof bound === "object") this.port = bound.port;
    }
  }

  /** No new connections; those that are open stay. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => new Promise<void>((done) => server.close(() => done()))));
  }

  stopAccepting(): void {
    for (const server of this.#servers) server.close();
  }

  /** Cuts what is still open. */
  destroyConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, backlog: 511 }, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}
