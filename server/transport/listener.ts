// Listening sockets of one port on several addresses, with limits on connections (RFC 6120 section 13.12), and a close
// that waits for none of them.

import { createServer, type Server, type Socket } from "node:net";
import type { Logger } from "../log.ts";

export type ConnectionLimits = { readonly connections: number; readonly connectionsPerAddress: number };

/** Counts connections over all listeners of one server. */
export class ConnectionCounter {
  readonly #limits: ConnectionLimits;
  readonly #byAddress = new Map<string, number>();
  #total = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** False: one of the limits is reached. */
  admit(address: string): boolean {
    const here = this.#byAddress.get(address) ?? 0;
    if (this.#total >= this.#limits.connections || here >= this.#limits.connectionsPerAddress) return false;
    this.#total += 1;
    this.#byAddress.set(address, here + 1);
    return true;
  }

  release(address: string): void {
    this.#total -= 1;
    const here = (this.#byAddress.get(address) ?? 1) - 1;
    if (here === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, here);
  }
}

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

export class Listener {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #log: Logger;
  port = 0;

  constructor(log: Logger) {
    this.#log = log;
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
    connected: (socket: Socket) => void,
  ): Promise<void> {
    this.port = port;
    for (const address of addresses) {
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: false }, (socket) => {
        const remote = socket.remoteAddress ?? "";
        if (!counter.admit(remote)) {
          this.#log.warn({ address: remote }, "connection-refused-limit");
          socket.destroy();
          return;
        }
        this.#sockets.add(socket);
        socket.once("close", () => {
          this.#sockets.delete(socket);
          counter.release(remote);
        });
        connected(socket);
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
