// What accounts say of themselves: vCards, private XML, last activity.

import type { Database } from "better-sqlite3";
import { checkPrivateLimits, privateBytes } from "../bounds.ts";
import type { LastActivity, PrivateElement, ProfileStore } from "../store.ts";
import type { Turn } from "./turn.ts";

/** The tables of profiles. @param erase profileEraser's */
export function sqliteProfiles(db: Database, turn: Turn, erase: (owner: string) => void): ProfileStore {
  return {
    ...vcards(db, turn),
    ...privateXml(db, turn),
    ...lastActivity(db, turn),
    erase: (owner) => turn.write(() => erase(owner)),
  };
}

/** Removes all that is an owner's. */
export function profileEraser(db: Database): (owner: string) => void {
  const statements = ["vcard", "private_xml", "last_activity"].map((table) =>
    db.prepare<[string]>(`DELETE FROM ${table} WHERE owner = ?`),
  );
  return (owner) => {
    for (const statement of statements) statement.run(owner);
  };
}

function vcards(db: Database, turn: Turn): Pick<ProfileStore, "vcard" | "updateVcard"> {
  const select = db.prepare<[string], string>("SELECT xml FROM vcard WHERE owner = ?").pluck();
  const put = db.prepare<[string, string]>(
    "INSERT INTO vcard (owner, xml) VALUES (?, ?) ON CONFLICT (owner) DO UPDATE SET xml = excluded.xml",
  );
  const remove = db.prepare<[string]>("DELETE FROM vcard WHERE owner = ?");
  return {
    vcard: (owner) => turn.read(() => select.get(owner)),
    updateVcard: (owner, change) =>
      turn.write(() => {
        const before = select.get(owner);
        const after = change(before);
        if (after === undefined) remove.run(owner);
        else if (after !== before) put.run(owner, after);
        return { before, after };
      }),
  };
}

function privateXml(db: Database, turn: Turn): Pick<ProfileStore, "privateXml" | "allPrivateXml" | "setPrivateXml"> {
  const select = db
    .prepare<[string, string, string], string>("SELECT xml FROM private_xml WHERE owner = ? AND ns = ? AND name = ?")
    .pluck();
  const all = db.prepare<[string], PrivateElement>(
    "SELECT ns, name, xml FROM private_xml WHERE owner = ? ORDER BY ns, name",
  );
  const sum = db.prepare<[string], { elements: number; bytes: number }>(
    "SELECT count(*) AS elements, coalesce(sum(bytes), 0) AS bytes FROM private_xml WHERE owner = ?",
  );
  const put = db.prepare<[string, string, string, number, string]>(
    `INSERT INTO private_xml (owner, ns, name, bytes, xml) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (owner, ns, name) DO UPDATE SET bytes = excluded.bytes, xml = excluded.xml`,
  );
  const remove = db.prepare<[string, string, string]>(
    "DELETE FROM private_xml WHERE owner = ? AND ns = ? AND name = ?",
  );
  return {
    privateXml: (owner, ns, name) => turn.read(() => select.get(owner, ns, name)),
    allPrivateXml: (owner) => turn.read(() => all.all(owner)),
    setPrivateXml: (owner, elements, limits) =>
      turn.write(() => {
        const total = (): { elements: number; bytes: number } => sum.get(owner) ?? { elements: 0, bytes: 0 };
        const before = total();
        for (const element of elements) {
          const { ns, name, xml } = element;
          if (xml === "") remove.run(owner, ns, name);
          else put.run(owner, ns, name, privateBytes(element), xml);
        }
        checkPrivateLimits(owner, limits, before, total());
      }),
  };
}

function lastActivity(db: Database, turn: Turn): Pick<ProfileStore, "lastActivity" | "setLastActivity"> {
  const select = db.prepare<[string], LastActivity>("SELECT at, status FROM last_activity WHERE owner = ?");
  const put = db.prepare<[string, number, string]>(
    `INSERT INTO last_activity VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET at = excluded.at, status = excluded.status`,
  );
  return {
    lastActivity: (owner) => turn.read(() => select.get(owner)),
    setLastActivity: (owner, { at, status }) => turn.write(() => void put.run(owner, at, status)),
  };
}
