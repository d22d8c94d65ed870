// The sync of a store, in the hands of a test: what a slow or failing disk does, without a sleep.

type Call = { resolve(): void; reject(error: Error): void };

export class ControlledSync {
  /** How often the store has called it. */
  calls = 0;
  #open = true;
  #waiting: Call[] = [];
  #called: () => void = () => undefined;

  /** To be given to the store. */
  readonly sync = (): Promise<void> => {
    this.calls += 1;
    this.#called();
    if (this.#open) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  };

  /** From now on each sync waits. */
  hold(): void {
    this.#open = false;
  }

  /** Completes the sync under way, if there is one. */
  complete(): void {
    this.#waiting.shift()?.resolve();
  }

  /** The sync under way fails. */
  fail(error: Error): void {
    this.#waiting.shift()?.reject(error);
  }

  /** Completes the one under way, and all that come. */
  release(): void {
    this.#open = true;
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  /** Resolves when a sync is under way. */
  async reached(): Promise<void> {
    while (this.#waiting.length === 0) {
      await new Promise<void>((resolve) => {
        this.#called = resolve;
      });
    }
  }
}

/** What has happened to promises so far, in the order in which it did. */
export class Outcomes {
  readonly seen: string[] = [];

  watch(name: string, promise: Promise<unknown>): void {
    promise.then(
      (value) => this.seen.push(value === undefined ? name : `${name}: ${value}`),
      (error: { reason?: string; message: string }) => this.seen.push(`${name} ${error.reason ?? error.message}`),
    );
  }
}

/** Everything that is ready to run has run, commits of open turns included. */
export async function turns(count = 3): Promise<void> {
  for (let n = 0; n < count; n += 1) await new Promise((resolve) => setImmediate(resolve));
}
