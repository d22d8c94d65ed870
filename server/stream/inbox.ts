// The ordered inbox of one stream: elements are handled one at a time, in order (RFC 6120 section 10.1). Nothing is
// allocated while handlers answer at once.

import type { Element } from "ltx";

export type InboxOwner = {
  handle(element: Element): void | Promise<void>;
  /** Whatever a handler threw or rejected with. */
  failed(error: unknown): void;
  /** More than the limit is waiting: the peer must be slowed down; called again with false when it is over. */
  congested(on: boolean): void;
};

export class Inbox {
  readonly #owner: InboxOwner;
  readonly #limit: number;
  #waiting: Element[] = [];
  #busy = false;
  #congested = false;
  #closed = false;

  constructor(owner: InboxOwner, limit: number) {
    this.#owner = owner;
    this.#limit = limit;
  }

  get busy(): boolean {
    return this.#busy;
  }

  push(element: Element): void {
    if (this.#closed) return;
    if (!this.#busy) {
      this.#run(element);
      return;
    }
    this.#waiting.push(element);
    if (this.#waiting.length >= this.#limit && !this.#congested) {
      this.#congested = true;
      this.#owner.congested(true);
    }
  }

  /** Drops what waits; the element being handled is not interrupted. */
  clear(): void {
    this.#waiting = [];
  }

  /** Drops what waits and whatever is still to come. */
  close(): void {
    this.#closed = true;
    this.clear();
  }

  #run(element: Element): void {
    let outcome: void | Promise<void>;
    try {
      outcome = this.#owner.handle(element);
    } catch (error) {
      this.#owner.failed(error);
      return;
    }
    if (!(outcome instanceof Promise)) return;
    this.#busy = true;
    outcome.then(
      () => this.#next(),
      (error: unknown) => {
        this.#owner.failed(error);
        this.#next();
      },
    );
  }

  #next(): void {
    this.#busy = false;
    while (!this.#busy && this.#waiting.length > 0) this.#run(this.#waiting.shift() as Element);
    if (this.#congested && this.#waiting.length < this.#limit / 2) {
      this.#congested = false;
      this.#owner.congested(false);
    }
  }
}
