// Connections beyond a limit (RFC 6120 section 13.12, points 1 and 2): a stream error that names the limit, at little cost.

import type { Socket } from "node:net";
import type { Clock, EpochMs, Timer } from "../clock.ts";
import { StreamError } from "../errors.ts";
import type { Jid } from "../jid.ts";
import type { Logger } from "../log.ts";
import { randomId } from "../random.ts";
import type { ConnectionLimits } from "../transport/listener.ts";
import { refusedStream } from "./framing.ts";

/** So many at once get an answer; the others are cut. */
const AT_ONCE = 100;
/** How long one that does not close its side is waited for. */
const LINGER_MS = 1_000;
/** How often one line at most is logged of them. */
const LOG_MS = 10_000;

type RefusalParts = { readonly domain: Jid; readonly clock: Clock; readonly log: Logger };

export class Refusals {
  readonly #parts: RefusalParts;
  readonly #limits: ConnectionLimits;
  readonly #lastLogged = new Map<keyof ConnectionLimits, EpochMs>();
  #lingering = 0;

  constructor(parts: RefusalParts, limits: ConnectionLimits) {
    this.#parts = parts;
    this.#limits = limits;
  }

  /** Answers with a stream error, before anything of the peer is read, and closes. */
  refuse(socket: Socket, limit: keyof ConnectionLimits): void {
    if (this.#lingering >= AT_ONCE) {
      this.cut(socket, limit);
      return;
    }
    this.log(socket.remoteAddress ?? "", limit);
    this.#lingering += 1;
    const timer: Timer = this.#parts.clock.after(LINGER_MS, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      timer.cancel();
      this.#lingering -= 1;
    });
    // What it sends is dropped, but must be taken: to a socket closed with unread data TCP answers with a reset, and the
    // error might be lost.
    socket.resume();
    socket.end(refusedStream(this.#parts.domain.toString(), randomId(16), this.#error(limit)));
  }

  /** Closes without a word, where one would cost a TLS handshake. */
  cut(socket: Socket, limit: keyof ConnectionLimits): void {
    this.log(socket.remoteAddress ?? "", limit);
    socket.on("error", () => {});
    socket.destroy();
  }

  #error(limit: keyof ConnectionLimits): StreamError {
    const text = `limits.${limit} is ${this.#limits[limit]}`;
    return new StreamError(limit === "connections" ? "resource-constraint" : "policy-violation", text);
  }

  /** Not each of them: what floods the ports must not flood the log, too. */
  log(address: string, limit: keyof ConnectionLimits): void {
    const now = this.#parts.clock.now();
    if (Math.abs(now - (this.#lastLogged.get(limit) ?? Number.NEGATIVE_INFINITY)) < LOG_MS) return;
    this.#lastLogged.set(limit, now);
    this.#parts.log.warn({ address, limit: `limits.${limit}` }, "connections-refused");
  }
}
