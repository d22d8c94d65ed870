// A database that an older Balcony wrote is brought up to date with all that is in it.

import Database from "better-sqlite3";
import { expect, it } from "vitest";
import { initial } from "../../storage/migrations/0001-initial.ts";
import { openDatabase } from "../../storage/sqlite/open.ts";
import { openSqliteStore } from "../../storage/sqlite.ts";
import { AT, archived, item, JULIET, NURSE, ROMEO, savedSession, unacked } from "./records.ts";
import { temporaryFolder } from "./temporary.ts";

const path = temporaryFolder();

/** A row or more in every table, as the code of schema 1 wrote them. */
const ROWS_OF_SCHEMA_1 = `
  INSERT INTO account VALUES ('juliet', ${AT}, 0);
  INSERT INTO credential VALUES ('juliet', 0, 'SCRAM-SHA-256', x'0100ff', 10000, 'k1', x'090807');
  INSERT INTO secret VALUES ('name', 'secret');
  UPDATE roster_floor SET version = 3;
  INSERT INTO roster VALUES ('${JULIET}', 5, 1, 3);
  INSERT INTO roster_item VALUES ('${JULIET}', '${ROMEO}', 4, 1, 'Romeo', '["Friends"]', 'both', 0, '');
  INSERT INTO roster_removal VALUES ('${JULIET}', '${NURSE}', 5);
  INSERT INTO offline_box VALUES ('${JULIET}', 1);
  INSERT INTO offline_message VALUES (7, '${JULIET}', ${AT}, '<message/>');
  INSERT INTO audit VALUES (2, ${AT}, 'login-failed', 'juliet', '192.0.2.1', '');
  INSERT INTO presentity VALUES ('${ROMEO}', 'example.net', 'Romeo', 'confirm', '[]', ${AT});
  INSERT INTO publication VALUES ('${ROMEO}', 'e1', '<presence/>', ${AT}, NULL);
  INSERT INTO token VALUES ('t1', 'domain:example.net', 'hash', ${AT});
  INSERT INTO relation VALUES ('${ROMEO}', '${JULIET}', 'both', 0, 't1', 's1', ${AT}, NULL, NULL, NULL, NULL, NULL, NULL, '', 0);
  INSERT INTO gateway_event (id, presentity, type, data, at) VALUES (9, '${ROMEO}', 'message', '{}', ${AT});
  INSERT INTO gateway_event_pruned (presentity, up_to) VALUES ('${ROMEO}', 8);
`;

function contents(file: string): Record<string, unknown[]> {
  const db = new Database(file, { readonly: true });
  const tables = db.prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all();
  const rows = tables.map((table) => [table, db.prepare(`SELECT * FROM ${table}`).all()] as const);
  db.close();
  return Object.fromEntries(rows);
}

it("schema 1 to the newest keeps every row", async () => {
  const old = openDatabase(path(), { migrations: [initial] });
  old.exec(ROWS_OF_SCHEMA_1);
  old.close();
  const before = contents(path());
  expect(Object.entries(before).filter(([, rows]) => rows.length === 0)).toEqual([]);

  openDatabase(path()).close();
  const after = contents(path());
  expect(after).toMatchObject(before);
  const added = Object.keys(after).filter((table) => !(table in before));
  expect(added).toContain("archive_message");
  expect(added.filter((table) => after[table]?.length !== 0)).toEqual([]);

  const store = openSqliteStore(path());
  expect(await store.roster.get(JULIET, ROMEO)).toEqual(
    item(ROMEO, { name: "Romeo", groups: ["Friends"], state: "both" }),
  );
  expect(await store.secret("name")).toBe("secret");
  expect(await store.archive.bounds(JULIET)).toBeUndefined();
  expect(await store.archive.preferences(JULIET)).toBeUndefined();
  expect(await store.sessions.loadAll()).toEqual([]);
  await store.archive.add([archived(JULIET, "1")]);
  await store.sessions.apply([{ id: "s1", save: savedSession("s1"), append: [unacked(1)] }]);
  expect(await store.accounts.delete("juliet", JULIET)).toBe(true);
  expect(await store.archive.bounds(JULIET)).toBeUndefined();
  expect(await store.sessions.loadAll()).toEqual([]);
  await store.close();
});
