// Group commit: whoever waits for what is committed is answered when it is on disk. Commits that are made while one sync
// runs share the next one.

/** Somebody to be answered, and with what. */
export type Answer = {
  readonly answer: (value: unknown) => void;
  readonly value: unknown;
  readonly reject: (reason: unknown) => void;
};

/** Answers in order: of the commits, and of what was added to each. */
export class GroupSync {
  readonly #sync: () => Promise<void>;
  readonly #failed: (error: unknown) => void;
  readonly #idle: () => void;
  /** Those that the sync under way covers; undefined: everything committed is on disk. */
  #running: Answer[] | undefined;
  /** Those of commits made since it began. */
  #next: Answer[] | undefined;
  #underway: Promise<void> = Promise.resolve();

  /**
   * @param sync resolves when everything that was committed before the call is on disk
   * @param failed is told why it is not; must call `reject`, and commit nothing more
   * @param idle is called when the disk has nothing to do: whatever waits to be committed may be
   */
  constructor(sync: () => Promise<void>, failed: (error: unknown) => void, idle: () => void) {
    this.#sync = sync;
    this.#failed = failed;
    this.#idle = idle;
  }

  /** Something committed is not on disk yet. */
  get pending(): boolean {
    return this.#running !== undefined;
  }

  /** For those of a commit just made. */
  committed(answers: Answer[]): void {
    if (this.#running === undefined) this.#start(answers);
    else this.#next = (this.#next ?? []).concat(answers);
  }

  /** For those who only saw what is committed: at once if all of it is on disk. */
  seen(answers: readonly Answer[]): void {
    const group = this.#next ?? this.#running;
    for (const one of answers) {
      if (group === undefined) one.answer(one.value);
      else group.push(one);
    }
  }

  /** All who wait. */
  reject(reason: unknown): void {
    const waiting = [...(this.#running ?? []), ...(this.#next ?? [])];
    if (this.#running !== undefined) this.#running = [];
    this.#next = undefined;
    for (const { reject } of waiting) reject(reason);
  }

  /** Resolves when nothing is pending, also after a failure. */
  async settled(): Promise<void> {
    while (this.pending) await this.#underway;
  }

  #start(answers: Answer[]): void {
    this.#running = answers;
    this.#underway = this.#sync().then(
      () => this.#done(),
      (error: unknown) => {
        this.#failed(error);
        this.#running = undefined;
      },
    );
  }

  #done(): void {
    const [answers, next] = [this.#running ?? [], this.#next];
    this.#running = undefined;
    this.#next = undefined;
    // The disk is not left idle meanwhile.
    if (next !== undefined) this.#start(next);
    else this.#idle();
    for (const { answer, value } of answers) answer(value);
  }
}
