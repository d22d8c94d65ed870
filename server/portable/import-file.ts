// The import of a file of any size: it is read and handed over in batches, the next being read while one is written. Whatever
// ends it, whole batches are done; a second run that skips what exists goes on from there.

import type { Admin } from "../admin.ts";
import type { Config } from "../config.ts";
import { type PieceLimits, PortableError } from "./document.ts";
import { readPieces, type Source } from "./source.ts";
import { Tally } from "./tally.ts";
import type { ImportOptions, PortableUser } from "./user.ts";
import { type ReadUser, readUsers } from "./users.ts";

const MOST_USERS = 300;
/** Passwords of one batch: hashing them takes some seconds at most, by whatever the configuration asks for. */
const MOST_ITERATIONS = 3_000_000;
const MOST_BCRYPT = 20;
const MOST_REFUSALS = 1_000;
/** Of a vCard, a message, an item: more than the limits of any of them. */
const PIECE_CHARACTERS = 2_097_152;

export type ImportFileOptions = ImportOptions & {
  readonly config: Config;
  readonly now: () => number;
  /** Of one batch. A server that runs does nothing else while it writes one. */
  readonly batchCharacters: number;
  /** After each batch. */
  readonly progress?: (summary: ImportSummary) => void;
};

export type ImportSummary = {
  readonly created: number;
  readonly replaced: number;
  readonly kept: number;
  readonly refused: number;
  /** The first 1,000; `line` is that of the user in its file. */
  readonly refusals: readonly { readonly name: string; readonly line: number; readonly reason: string }[];
  readonly notTaken: Tally;
  /** Why it ended before the end of the file. */
  readonly fault: PortableError | undefined;
};

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
type Batch = { readonly user: PortableUser; readonly line: number }[];

/** Rejects with what `admin` rejects with, and with file system errors. */
export async function importFile(admin: Admin, source: Source, options: ImportFileOptions): Promise<ImportSummary> {
  const refusals: { name: string; line: number; reason: string }[] = [];
  const notTaken = new Tally();
  const summary: Mutable<ImportSummary> = {
    created: 0,
    replaced: 0,
    kept: 0,
    refused: 0,
    refusals,
    notTaken,
    fault: undefined,
  };
  const refuse = (name: string, line: number, reason: string): void => {
    summary.refused += 1;
    if (refusals.length < MOST_REFUSALS) refusals.push({ name, line, reason });
  };
  const { config, now, existing, check } = options;
  const { domain, limits, pubsub } = config;
  const parts = { domain, limits, pubsub, now, tally: notTaken, existing };
  const users = readUsers(readPieces(source, pieceLimits(config)), parts);
  let writing: Promise<void> = Promise.resolve();
  for await (const batch of batches(users, options, refuse, summary)) {
    await writing;
    writing = write(batch);
    writing.catch(() => {}); // it is waited for above, or below
  }
  await writing;
  return summary;

  async function write(batch: Batch): Promise<void> {
    const results = await admin.importUsers(
      batch.map(({ user }) => user),
      { existing, check },
    );
    for (const [i, { user, line }] of batch.entries()) {
      const result = results[i];
      if (result === undefined) continue;
      if (result.outcome === "refused") refuse(user.name, line, result.reason);
      else summary[result.outcome] += 1;
    }
    options.progress?.(summary);
  }
}

/** A fault in the file ends them, and is in the summary then; what was complete before it is handed out. */
async function* batches(
  users: AsyncIterable<ReadUser>,
  { config: { auth }, batchCharacters }: ImportFileOptions,
  refuse: (name: string, line: number, reason: string) => void,
  summary: Mutable<ImportSummary>,
): AsyncGenerator<Batch> {
  const mostPasswords =
    auth.storage === "bcrypt" ? MOST_BCRYPT : Math.max(1, Math.floor(MOST_ITERATIONS / auth.scramIterations));
  let batch: Batch = [];
  let [characters, passwords] = [0, 0];
  try {
    for await (const read of users) {
      if (!read.ok) {
        refuse(read.name, read.line, read.reason);
        continue;
      }
      const isFull = batch.length >= MOST_USERS || passwords >= mostPasswords;
      if (batch.length > 0 && (isFull || characters + read.characters > batchCharacters)) {
        yield batch;
        batch = [];
        [characters, passwords] = [0, 0];
      }
      batch.push(read);
      characters += read.characters;
      if (read.user.password !== undefined) passwords += 1;
    }
  } catch (error) {
    if (!(error instanceof PortableError)) throw error;
    summary.fault = error;
  }
  if (batch.length > 0) yield batch;
}

function pieceLimits({ limits }: Config): PieceLimits {
  const { depth, elements, attributes } = limits;
  return { characters: PIECE_CHARACTERS, depth, elements, attributes };
}
