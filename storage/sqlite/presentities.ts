// Presentities: the foreign entities that the gateway stands for.

import type { Database } from "better-sqlite3";
import { domainFull, pageRows } from "../bounds.ts";
import type { GatewayStore, Presentity, PresentityPolicy } from "../store.ts";
import type { Turn } from "./turn.ts";

type Row = {
  readonly address: string;
  readonly domain: string;
  readonly formalName: string;
  readonly policy: PresentityPolicy;
  readonly allowFrom: string;
  readonly createdAt: number;
};
type Presentities = Pick<GatewayStore, "putPresentity" | "getPresentity" | "listPresentities" | "deletePresentity">;

const COLUMNS = "address, domain, formal_name AS formalName, policy, allow_from AS allowFrom, created_at AS createdAt";

/** The presentity table; deleting one reaches into those of publications, relations and tokens. */
export function sqlitePresentities(db: Database, turn: Turn): Presentities {
  const insert = db.prepare<[string, string, string, string, string, number]>(
    "INSERT INTO presentity VALUES (?, ?, ?, ?, ?, ?)",
  );
  const update = db.prepare<[string, string, string, string, string]>(
    "UPDATE presentity SET domain = ?, formal_name = ?, policy = ?, allow_from = ? WHERE address = ?",
  );
  const select = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM presentity WHERE address = ?`);
  const page = db.prepare<[string, string, number], Row>(
    `SELECT ${COLUMNS} FROM presentity WHERE domain = ? AND address > ? ORDER BY address LIMIT ?`,
  );
  const count = db.prepare<[string], number>("SELECT count(*) FROM presentity WHERE domain = ?").pluck();
  const remove = db.prepare<[string]>("DELETE FROM presentity WHERE address = ?");
  const removeRest = [
    "DELETE FROM publication WHERE address = ?",
    "DELETE FROM relation WHERE presentity = ?",
    "DELETE FROM token WHERE scope = 'presentity:' || ?",
  ].map((sql) => db.prepare<[string]>(sql));

  return {
    putPresentity: ({ address, domain, formalName, policy, allowFrom, createdAt }, maxPerDomain) =>
      turn.write(() => {
        const allow = JSON.stringify(allowFrom);
        if (update.run(domain, formalName, policy, allow, address).changes > 0) return "changed";
        if (maxPerDomain !== undefined && (count.get(domain) ?? 0) >= maxPerDomain)
          throw domainFull(domain, maxPerDomain);
        insert.run(address, domain, formalName, policy, allow, createdAt);
        return "created";
      }),
    getPresentity: (address) =>
      turn.read(() => {
        const row = select.get(address);
        return row && toPresentity(row);
      }),
    listPresentities: (domain, { after = "", limit }) =>
      turn.read(() => page.all(domain, after, pageRows(limit)).map(toPresentity)),
    deletePresentity: (address) =>
      turn.write(() => {
        if (remove.run(address).changes === 0) return false;
        for (const statement of removeRest) statement.run(address);
        return true;
      }),
  };
}

function toPresentity(row: Row): Presentity {
  return { ...row, allowFrom: JSON.parse(row.allowFrom) };
}
