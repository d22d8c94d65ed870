// A database that an older Balcony wrote is brought up to date with all that is in it.

import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { initial } from "../../storage/migrations/0001-initial.ts";
import { movedRows } from "../../storage/migrations/0010-moved-rows.ts";
import { migrations } from "../../storage/migrations/index.ts";
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
  const { offline_box, offline_message, secret, sqlite_sequence, ...same } = before;
  expect(after).toMatchObject(same);
  expect(after.secret).toEqual(expect.arrayContaining(secret as unknown[]));
  const added = Object.keys(after).filter((table) => !(table in before));
  expect(added).toContain("archive_message");
  expect(added.filter((table) => after[table]?.length !== 0)).toEqual(["offline_floor"]);

  const store = openSqliteStore(path());
  expect(await store.roster.get(JULIET, ROMEO)).toEqual(
    item(ROMEO, { name: "Romeo", groups: ["Friends"], state: "both" }),
  );
  expect(await store.secret("name")).toBe("secret");
  expect(await store.offline.load(JULIET, 0, 9)).toEqual([{ id: 7, at: AT, xml: "<message/>" }]);
  await store.offline.add(JULIET, "<next/>", AT, 2);
  expect((await store.offline.load(JULIET, 7, 9))[0]?.id).toBe(8);
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

describe("schema 8, whose messages are moved to other tables", () => {
  const COUNT = 12_000; // three steps

  /** As the code of schema 8 wrote them: two archives, of which one was pruned, and offline messages of two. */
  function writeOld(): void {
    const old = openDatabase(path(), { migrations: migrations.slice(0, 8) });
    old.exec(`
      INSERT INTO archive VALUES (1, '${JULIET}', 2, ${COUNT}, ${AT + 2}, ${AT + COUNT - 1});
      INSERT INTO archive VALUES (2, '${NURSE}', 0, 2, ${AT}, ${AT + 1});
      WITH RECURSIVE n(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < ${COUNT} - 1)
      INSERT INTO archive_message SELECT (1 << 36) | n, 1, 'j' || n, '${ROMEO}', ${AT} + n, '<m n="' || n || '"/>' FROM n;
      INSERT INTO archive_message VALUES ((2 << 36) | 0, 2, 'j7', '${JULIET}', ${AT}, '<a/>');
      INSERT INTO archive_message VALUES ((2 << 36) | 1, 2, 'x', '${ROMEO}', ${AT + 1}, '<b/>');
      INSERT INTO offline_box VALUES ('${JULIET}', ${COUNT / 2}), ('${NURSE}', ${COUNT / 2});
      WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ${COUNT})
      INSERT INTO offline_message SELECT n, iif(n % 2, '${JULIET}', '${NURSE}'), ${AT} + n, '<m n="' || n || '"/>' FROM n;
    `);
    old.close();
  }

  async function check(): Promise<void> {
    const store = openSqliteStore(path());
    expect(await store.archive.count(JULIET, {}, COUNT)).toBe(COUNT - 2);
    expect((await store.archive.bounds(JULIET))?.first).toEqual({ id: "j2", at: AT + 2 });
    const page = await store.archive.page(JULIET, { with: ROMEO, afterId: "j6999", backward: false, limit: 1 });
    const xml = '<m n="7000"/>';
    expect(page?.messages).toEqual([{ owner: JULIET, id: "j7000", with: ROMEO, at: AT + 7_000, xml }]);
    expect((await store.archive.page(NURSE, { beforeId: "x", backward: true, limit: 9 }))?.messages[0]?.id).toBe("j7");
    await expect(store.archive.add([archived(JULIET, "j5")])).rejects.toThrow();
    await store.archive.add([archived(JULIET, "new", { at: AT + COUNT })]);
    expect((await store.archive.bounds(JULIET))?.last.id).toBe("new");
    expect(await store.archive.prune(AT + 3, COUNT, 100)).toBe(3);

    expect(await store.offline.count(NURSE)).toBe(COUNT / 2);
    const [first] = await store.offline.load(NURSE, 9_000, 1);
    expect(first).toEqual({ id: 9_002, xml: '<m n="9002"/>', at: AT + 9_002 });
    await store.offline.add(NURSE, "<next/>", AT, COUNT);
    expect((await store.offline.load(NURSE, COUNT, 9)).map(({ id }) => id)).toEqual([COUNT + 1]);
    await store.close();
  }

  it("has all of them, in order and by their ids", async () => {
    writeOld();
    await check();
  });

  it.each([
    ["the first step", 0],
    ["the first table", 3],
  ])("goes on where a start was ended after %s", async (_, steps) => {
    writeOld();
    const [archives, offline] = movedRows.repeat ?? [];
    if (archives === undefined || offline === undefined) throw new Error("nothing to move");
    // The step after those fails, as if the process had been killed: its transaction is undone.
    const limit =
      steps === 0 ? "(SELECT count(*) FROM archive_message) > 0" : "(SELECT count(*) FROM offline_message) > 0";
    const fail = { left: `SELECT CASE WHEN ${limit} THEN json('broken') ELSE 1 END`, sql: "" };
    const once = { left: `SELECT 1 WHERE NOT ${limit}`, sql: steps === 0 ? archives.sql : offline.sql };
    const all = steps === 0 ? [once, fail] : [archives, once, fail];
    const broken = [...migrations.slice(0, -1), { ...movedRows, repeat: all }];
    expect(() => openDatabase(path(), { migrations: broken })).toThrow(/moved rows/);
    const db = new Database(path());
    expect(db.pragma("user_version", { simple: true })).toBe(9);
    const moved = steps === 0 ? "archive_message" : "offline_message";
    expect(db.prepare(`SELECT count(*) FROM ${moved}`).pluck().get()).toBe(5_000);
    db.close();
    await check();
  });
});
