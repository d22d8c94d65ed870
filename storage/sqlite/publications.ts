// Published presence documents: soft state, like RFC 3903.

import type { Database } from "better-sqlite3";
import type { GatewayStore, Publication } from "../store.ts";
import type { Turn } from "./turn.ts";

type Publications = Pick<GatewayStore, "getPublication" | "updatePublication" | "expiredPublications">;

/** The publication table. */
export function sqlitePublications(db: Database, turn: Turn): Publications {
  const select = db.prepare<[string], Publication>(
    `SELECT etag, document, published_at AS publishedAt, expires_at AS expiresAt FROM publication WHERE address = ?`,
  );
  const put = db.prepare<[string, string, string, number, number | null]>(
    `INSERT INTO publication VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
     etag = excluded.etag, document = excluded.document, published_at = excluded.published_at,
     expires_at = excluded.expires_at`,
  );
  const remove = db.prepare<[string]>("DELETE FROM publication WHERE address = ?");
  const expired = db
    .prepare<[number], string>("SELECT address FROM publication WHERE expires_at <= ? ORDER BY expires_at, address")
    .pluck();
  const next = db
    .prepare<[number], number | null>("SELECT min(expires_at) FROM publication WHERE expires_at > ?")
    .pluck();

  return {
    getPublication: (address) => turn.read(() => select.get(address)),
    updatePublication: (address, change) =>
      turn.write(() => {
        const before = select.get(address);
        const after = change(before);
        if (after === before) return { before, after };
        if (after === undefined) remove.run(address);
        else put.run(address, after.etag, after.document, after.publishedAt, after.expiresAt);
        return { before, after };
      }),
    expiredPublications: (now) => turn.read(() => ({ addresses: expired.all(now), next: next.get(now) ?? null })),
  };
}
