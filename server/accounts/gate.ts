// Bounds expensive work: so many at a time, so many waiting, the rest is refused at once.

import { AccountError } from "./account-error.ts";

export class Gate {
  readonly #width: number;
  readonly #queue: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** @param width how many run at a time; @param queue how many more may wait */
  constructor(width: number, queue: number) {
    this.#width = width;
    this.#queue = queue;
  }

  /** Runs `work` when its turn comes, in order of arrival. Throws AccountError "busy" if the queue is full. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#width) {
      if (this.#waiting.length >= this.#queue) throw new AccountError("busy", "too many logins wait; try again later");
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running += 1;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // The place is handed over, not freed: nobody who comes in between can take it.
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
