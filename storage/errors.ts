// The errors of a store as a whole; those of single operations stand in store.ts.

/** The store was closed before this call. */
export class StoreClosedError extends Error {
  constructor() {
    super("the store is closed");
    this.name = "StoreClosedError";
  }
}

/** A database could not be opened. The message names the file, what is wrong and what to do: print it as it is. */
export class StoreOpenError extends Error {
  /** Absolute path of the database. */
  readonly file: string;
  /** What the operator can do; also the end of the message. */
  readonly hint: string;
  constructor(file: string, problem: string, hint: string, cause?: unknown) {
    super(`${file}: ${problem}: ${hint}`, cause === undefined ? undefined : { cause });
    this.name = "StoreOpenError";
    this.file = file;
    this.hint = hint;
  }
}
