// A Clock that stands still until it is told to advance.

import type { Clock, EpochMs, Timer } from "../clock.ts";

type Waiting = { due: EpochMs; readonly action: () => void };

export class VirtualClock implements Clock {
  #now: EpochMs;
  readonly #timers = new Set<Waiting>();
  #watchers: (() => void)[] = [];

  constructor(now: EpochMs = Date.parse("2026-01-01T00:00:00Z")) {
    this.#now = now;
  }

  now(): EpochMs {
    return this.#now;
  }

  after(delayMs: number, action: () => void): Timer {
    const timer = { due: this.#now + delayMs, action };
    this.#timers.add(timer);
    for (const watcher of this.#watchers.splice(0)) watcher();
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** Lets time pass and runs, in order, the timers that fall due, those that they set included. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = [...this.#timers].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due)[0];
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.due);
      next.action();
    }
    this.#now = end;
  }

  /** The machine's clock is set to another time: what is left of each timer stays. */
  jump(ms: number): void {
    this.#now += ms;
    const timers = [...this.#timers];
    for (const timer of timers) timer.due += ms;
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer; resolves as soon as one is set. */
  async nextDelay(): Promise<number> {
    while (this.#timers.size === 0) await new Promise<void>((resolve) => this.#watchers.push(resolve));
    return Math.min(...[...this.#timers].map(({ due }) => due)) - this.#now;
  }
}
