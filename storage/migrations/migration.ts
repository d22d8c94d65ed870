// The shape of a migration. A published one is never edited: the next change of the schema is the next number.

/** One step from a schema version to the next. */
export type Migration = {
  /** The schema version (PRAGMA user_version) after it: 1, 2, 3 ... without a gap. */
  readonly version: number;
  readonly name: string;
  /**
   * Run before `sql`, one after the other, for what is too much for one transaction. Each is run in a transaction of its own
   * as long as `left` finds a row; a start that was interrupted goes on where it stopped.
   */
  readonly repeat?: readonly { readonly left: string; readonly sql: string }[];
  /** Run in one transaction, together with the new version number. */
  readonly sql: string;
};
