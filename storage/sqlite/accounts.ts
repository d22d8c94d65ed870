// Accounts and their credentials.

import type { Database } from "better-sqlite3";
import { pageRows } from "../bounds.ts";
import type { Account, AccountHoldings, AccountStore, PubsubQuota, StoredCredential } from "../store.ts";
import type { Turn } from "./turn.ts";

/** An account beside one of its credentials, or beside nulls if it has none. */
type Row = { readonly localpart: string; readonly createdAt: number } & (
  | { readonly kind: null }
  | {
      readonly kind: StoredCredential["kind"];
      readonly salt: Buffer;
      readonly iterations: number;
      readonly keyId: string;
      readonly sealed: Buffer;
    }
);

const COLUMNS = "localpart, created_at AS createdAt, kind, salt, iterations, key_id AS keyId, sealed";

/** What belongs to an owner (a bare JID) besides the account; both run inside the operation. */
export type OtherTables = {
  erase(owner: string): void;
  fill(owner: string, holdings: AccountHoldings, at: number, quota: PubsubQuota): void;
};

/** The tables of accounts. */
export function sqliteAccounts(db: Database, turn: Turn, { erase, fill }: OtherTables): AccountStore {
  const insert = db.prepare<[string, number, number]>("INSERT INTO account VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
  const select = db.prepare<[string], Row>(
    `SELECT ${COLUMNS} FROM account LEFT JOIN credential USING (localpart) WHERE localpart = ? ORDER BY position`,
  );
  const page = db.prepare<[string, number], Row>(
    `SELECT ${COLUMNS} FROM (SELECT * FROM account WHERE localpart > ? ORDER BY localpart LIMIT ?)
     LEFT JOIN credential USING (localpart) ORDER BY localpart, position`,
  );
  const mark = db.prepare<[number, string]>("UPDATE account SET bcrypt_only = ? WHERE localpart = ?");
  const remove = db.prepare<[string]>("DELETE FROM account WHERE localpart = ?"); // credentials: ON DELETE CASCADE
  const countMarked = db
    .prepare<[number], number>("SELECT count(*) FROM account WHERE bcrypt_only > 0 AND bcrypt_only = ?")
    .pluck();
  const insertCredential = db.prepare<[string, number, string, Uint8Array, number, string, Uint8Array]>(
    "INSERT INTO credential VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
  const removeCredentials = db.prepare<[string]>("DELETE FROM credential WHERE localpart = ?");

  function addCredentials(localpart: string, credentials: readonly StoredCredential[]): void {
    for (const [position, { kind, salt, iterations, keyId, sealed }] of credentials.entries()) {
      insertCredential.run(localpart, position, kind, salt, iterations, keyId, sealed);
    }
  }

  const count = (lack: number): number => countMarked.get(lack) ?? 0;

  return {
    create: ({ localpart, createdAt, credentials }) =>
      turn.write(() => {
        if (insert.run(localpart, createdAt, lackOf(credentials)).changes === 0) return false;
        addCredentials(localpart, credentials);
        return true;
      }),
    import: ({ account: { localpart, createdAt, credentials }, owner, holdings, quota }, existing) =>
      turn.write(() => {
        const created = insert.run(localpart, createdAt, lackOf(credentials)).changes > 0;
        if (!created && existing === "keep") return "kept";
        if (!created && credentials.length > 0) {
          mark.run(lackOf(credentials), localpart);
          removeCredentials.run(localpart);
        }
        addCredentials(localpart, credentials);
        fill(owner, holdings, createdAt, quota);
        return created ? "created" : "replaced";
      }),
    get: (localpart) => turn.read(() => accountsOf(select.all(localpart))[0]),
    setCredentials: (localpart, credentials) =>
      turn.write(() => {
        if (mark.run(lackOf(credentials), localpart).changes === 0) return false;
        removeCredentials.run(localpart);
        addCredentials(localpart, credentials);
        return true;
      }),
    delete: (localpart, owner) =>
      turn.write(() => {
        if (remove.run(localpart).changes === 0) return false;
        erase(owner);
        return true;
      }),
    list: ({ after = "", limit }) => turn.read(() => accountsOf(page.all(after, pageRows(limit)))),
    countBcryptOnly: () => turn.read(() => count(LACK.scram)),
    countWithout: (kind) => turn.read(() => count(LACK.scram) + count(LACK[kind])),
  };
}

/** What account.bcrypt_only holds (migrations/0008-partial-credentials.ts). */
const LACK = { nothing: 0, scram: 1, "SCRAM-SHA-256": 2, "SCRAM-SHA-1": 3 } as const;

function lackOf(credentials: readonly StoredCredential[]): number {
  if (credentials.length === 0) return LACK.nothing;
  const kinds = new Set(credentials.map(({ kind }) => kind));
  if (!kinds.has("SCRAM-SHA-256")) return kinds.has("SCRAM-SHA-1") ? LACK["SCRAM-SHA-256"] : LACK.scram;
  return kinds.has("SCRAM-SHA-1") ? LACK.nothing : LACK["SCRAM-SHA-1"];
}

/** Rows of one account follow each other. */
function accountsOf(rows: readonly Row[]): Account[] {
  const accounts: (Account & { credentials: StoredCredential[] })[] = [];
  for (const row of rows) {
    let account = accounts.at(-1);
    if (account?.localpart !== row.localpart) {
      account = { localpart: row.localpart, createdAt: row.createdAt, credentials: [] };
      accounts.push(account);
    }
    if (row.kind === null) continue;
    const { kind, iterations, keyId } = row;
    account.credentials.push({ kind, salt: octets(row.salt), iterations, keyId, sealed: octets(row.sealed) });
  }
  return accounts;
}

function octets(blob: Buffer): Uint8Array {
  return new Uint8Array(blob.buffer, blob.byteOffset, blob.byteLength);
}
