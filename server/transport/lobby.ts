// Where a connection waits until its client says something (RFC 6120 section 13.12): until then it costs a socket and a
// timer, no parser and no state of TLS; and of those that speak up at once only a few are let in each turn of the event loop,
// so that the others keep theirs.

import type { Socket } from "node:net";
import type { Clock } from "../clock.ts";

/** What is let in may begin a TLS handshake, which takes the better part of a millisecond. */
const PER_TURN = 2;

export class Lobby {
  readonly #clock: Clock;
  readonly #patienceMs: number;
  #waiting: (() => void)[] = [];
  #scheduled = false;

  constructor(clock: Clock, patienceMs: number) {
    this.#clock = clock;
    this.#patienceMs = patienceMs;
  }

  /**
   * Calls one of the two, unless the connection is gone before.
   * @param speaks the first octets are there to be read; reading is paused
   * @param silent nothing came in time
   */
  enter(socket: Socket, speaks: () => void, silent: () => void): void {
    const ignore = (): void => {}; // 'close' follows
    const done = (next: () => void): void => {
      timer.cancel();
      socket.off("readable", arrived);
      socket.off("close", gone);
      if (!socket.destroyed) next();
      socket.off("error", ignore);
    };
    const gone = (): void => done(() => {});
    const arrived = (): void => {
      if (socket.readableLength === 0) {
        done(() => socket.destroy()); // the peer's end, and nothing before it
        return;
      }
      timer.cancel();
      socket.off("readable", arrived);
      this.#admit(() => done(speaks));
    };
    const timer = this.#clock.after(this.#patienceMs, () => done(silent));
    socket.on("error", ignore);
    socket.on("close", gone);
    socket.on("readable", arrived);
  }

  #admit(next: () => void): void {
    this.#waiting.push(next);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (const next of this.#waiting.splice(0, PER_TURN)) next();
      if (this.#waiting.length > 0) this.#schedule();
    });
  }
}
