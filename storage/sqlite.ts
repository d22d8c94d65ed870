// The SQLite store: one file, synchronous on the main thread, the writes of a turn in one transaction (sqlite/turn.ts).
// Only what waits for the disk is elsewhere: the sync of a commit (sqlite/wal-file.ts) and checkpoints (sqlite/checkpoints.ts).

import { randomBytes } from "node:crypto";
import type { Database } from "better-sqlite3";
import { sqliteAccounts } from "./sqlite/accounts.ts";
import { sqliteArchive } from "./sqlite/archive.ts";
import { sqliteAudit } from "./sqlite/audit.ts";
import { blockingEraser, sqliteBlocking } from "./sqlite/blocking.ts";
import { sqliteCapabilities } from "./sqlite/capabilities.ts";
import { type CheckpointOptions, Checkpoints } from "./sqlite/checkpoints.ts";
import { sqliteGateway } from "./sqlite/gateway.ts";
import { holdingsFiller } from "./sqlite/holdings.ts";
import { sqliteOffline } from "./sqlite/offline.ts";
import { type Durability, LOG_SETTINGS, openDatabase } from "./sqlite/open.ts";
import { profileEraser, sqliteProfiles } from "./sqlite/profiles.ts";
import { pubsubEraser, sqlitePubsub } from "./sqlite/pubsub.ts";
import { pushEraser, sqlitePushes } from "./sqlite/pushes.ts";
import { roomEraser, sqliteRooms } from "./sqlite/rooms.ts";
import { rosterEraser, sqliteRoster } from "./sqlite/roster.ts";
import { sqliteSessions } from "./sqlite/sessions.ts";
import { Turn } from "./sqlite/turn.ts";
import { sqliteUploads, uploadEraser } from "./sqlite/uploads.ts";
import { WalFile } from "./sqlite/wal-file.ts";
import type { CommitProbe, Store } from "./store.ts";

/** The last four are for tests. */
export type SqliteStoreOptions = {
  readonly durability?: Durability;
  readonly busyTimeoutMs?: number;
  /** In place of syncing the write-ahead log; not called with durability "normal". */
  readonly sync?: () => Promise<void>;
  readonly checkpoints?: CheckpointOptions;
  readonly probe?: CommitProbe | undefined;
};

/**
 * Opens or creates the database `file`, whose folder must exist, and brings its schema up to date. Other processes may
 * have it open, too. Two stores of one process on one file work as well, but not with writes of both in one turn.
 * @throws StoreOpenError whose message names the file, what is wrong and what to do
 */
export function openSqliteStore(file: string, options: SqliteStoreOptions = {}): Store {
  return sqliteStore(openDatabase(file, options), options);
}

/** The store over an open and migrated database, which it then owns. For tests; others call openSqliteStore. */
export function sqliteStore(db: Database, options: SqliteStoreOptions = {}): Store {
  const { turn, close } = openTurn(db, options);
  const offline = sqliteOffline(db, turn);
  const archive = sqliteArchive(db, turn);
  const sessions = sqliteSessions(db, turn);
  const eraseBlockList = blockingEraser(db);
  const eraseProfile = profileEraser(db);
  const erasePushes = pushEraser(db);
  const erasers = [
    rosterEraser(db),
    offline.erase,
    archive.erase,
    sessions.erase,
    pubsubEraser(db),
    roomEraser(db),
    eraseBlockList,
    eraseProfile,
    erasePushes,
    uploadEraser(db),
  ];
  const erase = (owner: string): void => {
    for (const eraser of erasers) eraser(owner);
  };
  return {
    accounts: sqliteAccounts(db, turn, { erase, fill: holdingsFiller(db, offline.fill) }),
    roster: sqliteRoster(db, turn),
    offline: offline.store,
    archive: archive.store,
    sessions: sessions.store,
    pubsub: sqlitePubsub(db, turn),
    capabilities: sqliteCapabilities(db, turn),
    rooms: sqliteRooms(db, turn),
    blocking: sqliteBlocking(db, turn, eraseBlockList),
    profiles: sqliteProfiles(db, turn, eraseProfile),
    pushes: sqlitePushes(db, turn, erasePushes),
    audit: sqliteAudit(db, turn),
    gateway: sqliteGateway(db, turn),
    uploads: sqliteUploads(db, turn),
    secret: sqliteSecret(db, turn),
    statistics: turn.statistics,
    close,
  };
}

/** How writes are committed, put on disk and checkpointed. */
function openTurn(
  db: Database,
  { durability = "full", busyTimeoutMs, sync, checkpoints: checkpointOptions, probe }: SqliteStoreOptions,
): { readonly turn: Turn; close(): Promise<void> } {
  const log = new WalFile(db.name);
  db.pragma("synchronous = NORMAL"); // "full" is what `sync` does
  if (!beginLog(db) && durability === "full") log.syncNow();
  const turn: Turn = new Turn(db, {
    ...(busyTimeoutMs !== undefined && { busyTimeoutMs }),
    ...(durability === "full" && { sync: sync ?? (() => log.sync()) }),
    ...(probe !== undefined && { committing: () => probe.committing() }),
    committed: () => {
      probe?.committed();
      checkpoints.afterCommit();
    },
  });
  const checkpoints = new Checkpoints(db, turn, { settings: THREAD_SETTINGS, ...checkpointOptions });

  async function close(): Promise<void> {
    // The last connection to close makes a checkpoint. After a failed sync that must be the one whose descriptors have not
    // told of it yet: so they stop the checkpoint, and the log stays for the next start.
    if (turn.failed) await checkpoints.close();
    try {
      await turn.close();
    } finally {
      await checkpoints.close();
      log.close();
    }
  }
  let closed: Promise<void> | undefined;
  return {
    turn,
    close() {
      closed ??= close();
      return closed;
    },
  };
}

/**
 * Begins an empty log by writing a page as it is: its header and the folder are synced then, and not on this thread with the
 * first write of some session. False: there is something in the log.
 */
function beginLog(db: Database): boolean {
  if (db.prepare<[], { log: number }>("PRAGMA wal_checkpoint(NOOP)").get()?.log !== 0) return false;
  try {
    db.transaction(() => db.pragma(`user_version = ${db.pragma("user_version", { simple: true })}`)).immediate();
  } catch {
    // A full disk, or another program that writes: the first write meets it, too, or need not.
  }
  return true;
}

const THREAD_SETTINGS = [...LOG_SETTINGS, "synchronous = NORMAL", "wal_autocheckpoint = 0"];

function sqliteSecret(db: Database, turn: Turn): Store["secret"] {
  const insert = db.prepare<[string, string]>("INSERT INTO secret VALUES (?, ?) ON CONFLICT DO NOTHING");
  const select = db.prepare<[string], string>("SELECT value FROM secret WHERE name = ?").pluck();
  return (name) =>
    turn.write(() => {
      const known = select.get(name);
      if (known !== undefined) return known;
      const made = randomBytes(32).toString("hex");
      insert.run(name, made);
      return made;
    });
}
