// The SQLite store keeps the contract, survives being reopened, and asks nothing without an index.

import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { openDatabase } from "../../storage/sqlite/open.ts";
import { openSqliteStore, sqliteStore } from "../../storage/sqlite.ts";
import type { ArchiveQuery } from "../../storage/store.ts";
import { storeContract } from "./contract.ts";
import {
  AT,
  account,
  archived,
  bcrypt,
  event,
  item,
  JULIET,
  NURSE,
  nodeState,
  presentity,
  publication,
  pubsubItem,
  ROMEO,
  relation,
  savedSession,
  scram,
  subscription,
  token,
  unacked,
} from "./records.ts";
import { temporaryFolder } from "./temporary.ts";

describe("SQLite", () => {
  const path = temporaryFolder();

  storeContract("SQLite store", () => openSqliteStore(path()));
  storeContract("SQLite store, durability normal", () => openSqliteStore(path(), { durability: "normal" }));

  it("has everything after it is reopened", async () => {
    const first = openSqliteStore(path());
    const kept = account("juliet", [scram(), bcrypt]);
    await first.accounts.create(kept);
    await first.roster.update(JULIET, ROMEO, () => item(ROMEO, { groups: ["Friends"] }));
    await first.roster.update(JULIET, NURSE, () => item(NURSE));
    await first.roster.update(JULIET, NURSE, () => undefined);
    await first.offline.add(JULIET, "<message/>", AT, 10);
    await first.archive.add([archived(JULIET, "1"), archived(JULIET, "2", { with: NURSE })]);
    await first.archive.setPreferences(JULIET, { default: "roster", always: [ROMEO], never: [] });
    await first.sessions.apply([{ id: "s1", save: savedSession("s1"), append: [unacked(1), unacked(2)] }]);
    const published = { create: nodeState(), item: pubsubItem("1"), keep: 9, since: 0 };
    await first.pubsub.publish(JULIET, "tune", () => published, { nodes: 9, bytes: 9_999 });
    await first.capabilities.put("sha-1 a", ["tune+notify"], 9);
    await first.audit.add({ at: AT, event: "e", account: "a", address: "b", detail: "d" });
    await first.gateway.putPresentity(presentity(ROMEO));
    await first.gateway.updatePublication(ROMEO, () => publication("e1", AT));
    const between = relation(ROMEO, JULIET, { subscription: subscription(AT) });
    await first.gateway.updateRelation(ROMEO, JULIET, () => ({ next: between }));
    await first.gateway.addToken(token("t1"));
    const secret = await first.secret("name");
    await first.close();

    const again = openSqliteStore(path());
    expect(await again.accounts.get("juliet")).toStrictEqual(kept);
    expect(await again.roster.load(JULIET)).toEqual({ version: 3, items: [item(ROMEO, { groups: ["Friends"] })] });
    expect((await again.roster.changesSince(JULIET, 1))?.changes).toEqual([
      { contact: NURSE, version: 3, item: undefined },
    ]);
    expect(await again.offline.load(JULIET, 0, 10)).toHaveLength(1);
    expect(await again.archive.page(JULIET, { with: NURSE, backward: false, limit: 10 })).toEqual({
      messages: [archived(JULIET, "2", { with: NURSE })],
      complete: true,
    });
    await again.archive.add([archived(JULIET, "3")]);
    expect((await again.archive.bounds(JULIET))?.last.id).toBe("3");
    expect((await again.archive.preferences(JULIET))?.always).toEqual([ROMEO]);
    expect(await again.sessions.loadAll()).toEqual([
      { session: savedSession("s1"), unacked: [unacked(1), unacked(2)] },
    ]);
    expect((await again.pubsub.node(JULIET, "tune"))?.createdAt).toBe(AT);
    expect(await again.pubsub.itemsById(JULIET, "tune", ["1"])).toEqual([pubsubItem("1")]);
    expect(await again.capabilities.get("sha-1 a")).toEqual(["tune+notify"]);
    expect(await again.audit.list(10)).toHaveLength(1);
    expect(await again.gateway.getPresentity(ROMEO)).toEqual(presentity(ROMEO));
    expect((await again.gateway.expiredPublications(AT)).addresses).toEqual([ROMEO]);
    expect((await again.gateway.expiredSubscriptions(AT)).relations).toEqual([between]);
    expect(await again.gateway.findToken("hash-of-t1")).toEqual(token("t1"));
    expect(await again.secret("name")).toBe(secret);
    await again.close();
  });

  it("goes on counting event and message ids, and knows the bounds, after pruning and reopening", async () => {
    const first = openSqliteStore(path());
    const [, , last] = await first.gateway.appendEvents([event(ROMEO), event(ROMEO), event(ROMEO)]);
    await first.gateway.pruneEvents(Number.MAX_SAFE_INTEGER, 0);
    await first.offline.add(JULIET, "1", AT, 10);
    await first.offline.removeUpTo(JULIET, 1);
    await first.close();

    const again = openSqliteStore(path());
    for (const scope of [{ presentity: ROMEO }, { domain: "example.net" }]) {
      expect(await again.gateway.eventBounds(scope)).toEqual({ prunedUpTo: last?.id, last: last?.id });
    }
    const [next] = await again.gateway.appendEvents([event(ROMEO)]);
    expect(next?.id).toBe((last?.id ?? 0) + 1);
    await again.offline.add(JULIET, "2", AT, 10);
    expect((await again.offline.load(JULIET, 0, 10))[0]?.id).toBeGreaterThan(1);
    await again.close();
  });

  it("keeps times with a fraction of a millisecond", async () => {
    const store = openSqliteStore(path());
    await store.gateway.updatePublication(ROMEO, () => publication("e1", AT + 0.25));
    expect((await store.gateway.getPublication(ROMEO))?.expiresAt).toBe(AT + 0.25);
    expect((await store.gateway.expiredPublications(AT)).next).toBe(AT + 0.25);
    await store.close();
  });

  it("answers every query by an index", async () => {
    const db = openDatabase(path());
    const statements: string[] = [];
    const prepare = db.prepare.bind(db);
    db.prepare = ((sql: string) => {
      statements.push(sql);
      return prepare(sql);
    }) as typeof db.prepare;
    await sqliteStore(db).close();

    const plain = new Database(path());
    const queries = statements.filter((sql) => /^\s*(SELECT|UPDATE|DELETE|INSERT|WITH)\b/.test(sql));
    expect(queries.length).toBeGreaterThan(50);
    const scans = queries.flatMap((sql) => {
      const steps = plain.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).all(...holes(sql));
      return steps.filter(({ detail }) => isScan(detail, sql)).map(({ detail }) => `${detail}: ${sql}`);
    });
    expect(scans).toEqual([]);
    plain.close();
  });

  it("finds a page of an archive by the index of its condition, and counts without reading messages", async () => {
    const statements: string[] = [];
    const db = openDatabase(path(), { verbose: (sql) => void statements.push(String(sql)) });
    const store = sqliteStore(db);
    await store.archive.add([archived(JULIET, "1"), archived(JULIET, "2", { with: NURSE }), archived(NURSE, "1")]);
    const plain = new Database(path());

    /** How the statements that an operation runs find messages. */
    async function plan(operate: () => Promise<unknown>): Promise<string[]> {
      statements.length = 0;
      await operate();
      const messages = statements.filter((sql) => sql.includes("FROM archive_message"));
      const steps = messages.flatMap((sql) => plain.prepare<[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).all());
      return [...new Set(steps.map(({ detail }) => detail).filter((detail) => detail.includes("archive_message")))];
    }
    const page = (query: Partial<ArchiveQuery>) => () =>
      store.archive.page(JULIET, { backward: true, limit: 50, ...query });
    const found = (how: string): string => `SEARCH archive_message USING ${how}`;
    const newest = found("COVERING INDEX archive_message_place (place>? AND place<?)"); // of the archive
    const stretch = found("INDEX archive_message_place (place>? AND place<?)");
    const row = found("INDEX archive_message_place (place=?)");
    const id = found("INDEX archive_message_id (<expr>=? AND id=?)");
    const contact = (covering: string): string =>
      found(`${covering}INDEX archive_message_contact (contact=? AND place>? AND place<?)`);
    expect(await plan(page({}))).toEqual([newest, stretch]);
    expect(await plan(page({ beforeId: "2" }))).toEqual([newest, id, stretch]);
    expect(await plan(page({ start: AT, end: AT }))).toEqual([newest, row, stretch]);
    expect(await plan(page({ with: NURSE }))).toEqual([newest, contact("")]);
    const part = { with: NURSE, afterId: "1", start: AT, backward: false };
    expect(await plan(page(part))).toEqual([newest, row, id, contact("")]);
    expect(await plan(page({ ids: ["1"] }))).toEqual([newest, id, row]);
    expect(await plan(() => store.archive.count(JULIET, {}, 9))).toEqual([newest]);
    expect(await plan(() => store.archive.count(JULIET, { with: NURSE }, 9))).toEqual([newest, contact("COVERING ")]);
    const made = store.archive.newId();
    await store.archive.add([archived(JULIET, made)]);
    const number = found("INTEGER PRIMARY KEY (rowid=?)");
    expect(await plan(page({ beforeId: made }))).toEqual([newest, number, stretch]);
    plain.close();
    await store.close();
  });
});

/** A value for each parameter. */
function holes(sql: string): unknown[] {
  if (sql.includes(":keep")) return [{ keep: 1, before: 1 }];
  return [...sql.matchAll(/\?/g)].map(() => 1);
}

// What reads whole by intent: one-row tables, steps within a query, the trail from its newest end, the token list, all
// sessions at start, and indexes that hold only what is asked for.
const MEANT =
  /^SCAN (roster_floor|sqlite_sequence|named|\(subquery-\d+\)|audit|token|saved_session|CONSTANT ROW)$|COVERING INDEX account_bcrypt_only|INDEX relation_open/;
const MEANT_SORTS = /FOR (LAST TERM OF ORDER BY|GROUP BY)$/;

function isScan(detail: string, sql: string): boolean {
  if (detail.startsWith("SCAN")) return !MEANT.test(detail);
  return detail.startsWith("USE TEMP B-TREE") && !MEANT_SORTS.test(detail) && !sql.includes("FROM token");
}
