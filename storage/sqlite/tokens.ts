// Tokens of the HTTP binding, found by the hash of what the caller shows.

import type { Database } from "better-sqlite3";
import type { GatewayStore, Token } from "../store.ts";
import type { Turn } from "./turn.ts";

type Tokens = Pick<GatewayStore, "addToken" | "findToken" | "listTokens" | "revokeToken">;

const SELECT = "SELECT id, scope, sha256, created_at AS createdAt FROM token";

/** The token table. */
export function sqliteTokens(db: Database, turn: Turn): Tokens {
  const insert = db.prepare<[string, string, string, number]>("INSERT INTO token VALUES (?, ?, ?, ?)");
  const find = db.prepare<[string], Token>(`${SELECT} WHERE sha256 = ?`);
  const list = db.prepare<[], Token>(`${SELECT} ORDER BY created_at, id`);
  const remove = db.prepare<[string]>("DELETE FROM token WHERE id = ?");
  return {
    addToken: ({ id, scope, sha256, createdAt }) =>
      turn.write(() => {
        insert.run(id, scope, sha256, createdAt);
      }),
    findToken: (sha256) => turn.read(() => find.get(sha256)),
    listTokens: () => turn.read(() => list.all()),
    revokeToken: (id) => turn.write(() => remove.run(id).changes > 0),
  };
}
