// The SQLite store: one file, synchronous on the main thread, the writes of a turn in one transaction (sqlite/turn.ts).

import { randomBytes } from "node:crypto";
import type { Database } from "better-sqlite3";
import { sqliteAccounts } from "./sqlite/accounts.ts";
import { archiveEraser, sqliteArchive } from "./sqlite/archive.ts";
import { sqliteAudit } from "./sqlite/audit.ts";
import { sqliteGateway } from "./sqlite/gateway.ts";
import { offlineEraser, sqliteOffline } from "./sqlite/offline.ts";
import { type Durability, openDatabase } from "./sqlite/open.ts";
import { rosterEraser, sqliteRoster } from "./sqlite/roster.ts";
import { sessionEraser, sqliteSessions } from "./sqlite/sessions.ts";
import { Turn } from "./sqlite/turn.ts";
import type { Store } from "./store.ts";

/**
 * Opens or creates the database `file`, whose folder must exist, and brings its schema up to date. Other processes may
 * have it open, too. Two stores of one process on one file work as well, but not with writes of both in one turn.
 * @throws StoreOpenError whose message names the file, what is wrong and what to do
 */
export function openSqliteStore(file: string, options: { readonly durability?: Durability } = {}): Store {
  return sqliteStore(openDatabase(file, options));
}

/** The store over an open and migrated database, which it then owns. For tests; others call openSqliteStore. */
export function sqliteStore(db: Database, busyTimeoutMs?: number): Store {
  const turn = new Turn(db, busyTimeoutMs);
  const eraseArchive = archiveEraser(db);
  const erasers = [rosterEraser(db), offlineEraser(db), eraseArchive, sessionEraser(db)];
  const erase = (owner: string): void => {
    for (const eraser of erasers) eraser(owner);
  };
  return {
    accounts: sqliteAccounts(db, turn, erase),
    roster: sqliteRoster(db, turn),
    offline: sqliteOffline(db, turn),
    archive: sqliteArchive(db, turn, eraseArchive),
    sessions: sqliteSessions(db, turn),
    audit: sqliteAudit(db, turn),
    gateway: sqliteGateway(db, turn),
    secret: sqliteSecret(db, turn),
    statistics: turn.statistics,
    close: () => turn.close(),
  };
}

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
