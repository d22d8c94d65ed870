// One life of a test server, from its start to its stop or kill: what it may still do to the world.

import { type Clock, type EpochMs, systemClock, type Timer } from "../clock.ts";
import { type Logger, silentLogger } from "../log.ts";

/**
 * The clock and the log of one life. After a kill its timers are gone with it, it logs nothing, and nobody who waits for it
 * is answered.
 */
export class Life implements Clock {
  readonly logger: Logger;
  readonly #clock: Clock;
  readonly #timers = new Set<Timer>();
  #state: "running" | "stopping" | "killed" = "running";

  constructor(clock: Clock, logger: Logger | undefined) {
    this.#clock = clock;
    const told = logger ?? silentLogger();
    const tell =
      (level: keyof Logger): Logger["info"] =>
      (fields, event) => {
        if (!this.killed) told[level](fields, event);
      };
    this.logger = { debug: tell("debug"), info: tell("info"), warn: tell("warn"), error: tell("error") };
  }

  get killed(): boolean {
    return this.#state === "killed";
  }

  now(): EpochMs {
    return this.#clock.now();
  }

  after(delayMs: number, action: () => void): Timer {
    const timers: Timer[] = [];
    const timer = {
      cancel: () => {
        this.#timers.delete(timer);
        for (const each of timers) each.cancel();
      },
    };
    const fire = (): void => {
      timer.cancel();
      action();
    };
    if (!this.killed) timers.push(this.#clock.after(delayMs, fire));
    // Nobody may be there to advance the clock for a server that waits for a client's goodbye.
    if (this.#state !== "running") timers.push(systemClock().after(delayMs, fire));
    this.#timers.add(timer);
    return timer;
  }

  stopping(): void {
    if (!this.killed) this.#state = "stopping";
  }

  kill(): void {
    this.#state = "killed";
    for (const timer of [...this.#timers]) timer.cancel();
  }

  /** The same object, but a call that is pending at a kill is never answered. */
  answering<T extends object>(target: T): T {
    const wait = <R>(answer: Promise<R>): Promise<R> =>
      new Promise((resolve, reject) => {
        answer.then(
          (value) => this.killed || resolve(value),
          (error) => this.killed || reject(error),
        );
      });
    return new Proxy(target, {
      get(_, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          const answer: unknown = value.apply(target, args);
          return answer instanceof Promise ? wait(answer) : answer;
        };
      },
    });
  }
}
