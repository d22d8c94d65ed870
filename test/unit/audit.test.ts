// The audit trail's way to the store: together and in order, off the logins' path, and without harm where the disk is full.

import { expect, test } from "vitest";
import { type AuditEntry, type AuditEvent, AuditTrail } from "../../server/audit.ts";
import { type LogFields, silentLogger } from "../../server/log.ts";
import { openDatabase } from "../../storage/sqlite/open.ts";
import { sqliteStore } from "../../storage/sqlite.ts";
import type { AuditRecord } from "../../storage/store.ts";
import { temporaryFolder } from "../storage/temporary.ts";
import { FakeClock } from "../support/fake-clock.ts";

const path = temporaryFolder();
const entry = (event: AuditEvent, detail: string): AuditEntry => ({ event, account: "", address: "", detail });
const details = (records: readonly AuditRecord[]): string[] => records.map(({ detail }) => detail);

function setUp() {
  const statements: string[] = [];
  const db = openDatabase(path(), { verbose: (sql) => void statements.push(String(sql)) });
  const store = sqliteStore(db);
  const clock = new FakeClock();
  const logged: { event: string; fields: LogFields }[] = [];
  const take = (fields: LogFields, event: string): void => void logged.push({ event, fields });
  const trail = new AuditTrail(store.audit, clock, { ...silentLogger(), info: take, error: take });
  const commits = (): number => statements.filter((sql) => sql === "COMMIT").length;
  return { db, store, clock, trail, logged, commits };
}

test("a thousand logins within a second are one commit, at its end", async () => {
  const { store, clock, trail, commits } = setUp();
  const before = commits();
  for (let n = 0; n < 999; n += 1) trail.note(entry("login", String(n)));
  clock.advance(999);
  expect(commits()).toBe(before);
  expect(clock.timers).toBe(1);
  clock.advance(1);
  expect(details(await store.audit.list(2))).toEqual(["998", "997"]);
  expect(await store.audit.list(2_000)).toHaveLength(999);
  expect(commits()).toBe(before + 1);
  expect(clock.timers).toBe(0);
  await store.close();
});

test("more than a thousand do not wait: they are bounded", async () => {
  const { store, trail, clock } = setUp();
  for (let n = 0; n < 1_000; n += 1) trail.note(entry("login-failed", String(n)));
  expect(clock.timers).toBe(0);
  expect(await store.audit.list(2_000)).toHaveLength(1_000);
  await store.close();
});

test("administration is on disk when it is answered, behind the logins before it, in one commit with them", async () => {
  const { store, trail, logged, commits } = setUp();
  const before = commits();
  trail.note(entry("login", "1"));
  await trail.record(entry("password-changed", "2"));
  expect(commits()).toBe(before + 1);
  expect(details(await store.audit.list(10))).toEqual(["2", "1"]);
  expect(logged).toEqual([{ event: "password-changed", fields: { account: "", detail: "2" } }]);
  await store.close();
});

test("whoever lists sees what was just noted; stopping writes the rest and leaves no timer", async () => {
  const { store, trail, clock } = setUp();
  trail.note(entry("login", "1"));
  expect(details(await trail.list(10))).toEqual(["1"]);
  trail.note(entry("login", "2"));
  await trail.stop();
  expect(clock.timers).toBe(0);
  expect(details(await store.audit.list(10))).toEqual(["2", "1"]);
  await store.close();
});

test("a disk that takes no more: logins go on, it is logged once with its stack, and administration hears of it", async () => {
  const { db, store, trail, clock, logged } = setUp();
  db.pragma(`max_page_count = ${Number(db.pragma("page_count", { simple: true }))}`);
  for (let n = 0; n < 500; n += 1) trail.note(entry("login", "x".repeat(500)));
  clock.advance(1_000);
  await trail.list(1);
  expect(logged).toMatchObject([{ event: "audit-failed", fields: { records: 500, err: { reason: "full" } } }]);
  const large = { ...entry("user-added", ""), account: "y".repeat(50_000) };
  await expect(trail.record(large)).rejects.toMatchObject({ reason: "full" });
  expect(store.statistics?.refused).toBeGreaterThan(0);
  await store.close();
});

test("details are cut off", async () => {
  const { store, trail } = setUp();
  await trail.record(entry("token-added", "x".repeat(10_000)));
  expect(details(await trail.list(1))).toEqual(["x".repeat(500)]);
  await store.close();
});
