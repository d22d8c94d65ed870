// What a message archive costs on disk and on the main thread: the layout of migration 0009 beside the two plain ones, and
// the answers to queries (XEP-0313) made of it, with the plans of the statements.
//   npx tsx test/bench/storage.ts [messages] [folder] [layouts]   1000000 messages of 200 owners take some minutes and 4 GB

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Database } from "better-sqlite3";
import { type Element, parse } from "ltx";
import { readPage } from "../../server/archive/page.ts";
import { readQuery } from "../../server/archive/query.ts";
import { finElement, overheadOf, resultElement } from "../../server/archive/results.ts";
import { serialize } from "../../server/xml/serialize.ts";
import { openDatabase } from "../../storage/sqlite/open.ts";
import { Turn } from "../../storage/sqlite/turn.ts";
import { sqliteStore } from "../../storage/sqlite.ts";
import type { ArchivedMessage, ArchiveQuery, Store } from "../../storage/store.ts";

const OWNERS = 200;
const CONTACTS = 40;
const PAGE = 50;
const MEAN_GAP_MS = 1_000;
const LARGEST = 200_000;
const START = Date.UTC(2026, 0, 1);

type Archive = {
  add(messages: readonly ArchivedMessage[]): Promise<void>;
  page(owner: string, query: ArchiveQuery): Promise<unknown>;
};
type Layout = { readonly name: string; open(db: Database): Archive };

const layouts: readonly Layout[] = [
  { name: "by arrival, two indexes (migration 0009)", open: (db) => sqliteStore(db).archive },
  {
    name: "WITHOUT ROWID (owner, id)",
    open: (db) => {
      db.exec(`CREATE TABLE IF NOT EXISTS plain (
          owner TEXT, id TEXT, contact TEXT, at INTEGER, xml TEXT, PRIMARY KEY (owner, id)
        ) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS plain_contact ON plain (owner, contact);
        CREATE INDEX IF NOT EXISTS plain_at ON plain (owner, at);`);
      return plainArchive(db);
    },
  },
  {
    name: "rowid + indexes",
    open: (db) => {
      db.exec(`CREATE TABLE IF NOT EXISTS plain (
          owner TEXT, id TEXT, contact TEXT, at INTEGER, xml TEXT, number INTEGER PRIMARY KEY
        );
        CREATE UNIQUE INDEX IF NOT EXISTS plain_id ON plain (owner, id);
        CREATE INDEX IF NOT EXISTS plain_contact ON plain (owner, contact, id);
        CREATE INDEX IF NOT EXISTS plain_at ON plain (owner, at, id);`);
      return plainArchive(db);
    },
  },
];

/** An archive in the table `plain`, whose ids ascend with time. */
function plainArchive(db: Database): Archive {
  const turn = new Turn(db);
  const insert = db.prepare("INSERT INTO plain (owner, id, contact, at, xml) VALUES (?, ?, ?, ?, ?)");
  return {
    add: (messages) =>
      turn.write(() => {
        for (const { owner, id, with: contact, at, xml } of messages) insert.run(owner, id, contact, at, xml);
      }),
    page: (owner, query) => {
      const { with: contact, start, end, afterId, beforeId, backward, limit } = query;
      const given = { contact, start, end, afterId, beforeId };
      const conditions = Object.entries({
        contact: "contact = ?",
        start: "at >= ?",
        end: "at <= ?",
        afterId: "id > ?",
        beforeId: "id < ?",
      }).filter(([name]) => given[name as keyof typeof given] !== undefined);
      const order = [...(start === undefined ? [] : ["at"]), "id"].map((name) => name + (backward ? " DESC" : ""));
      const sql = `SELECT id, contact, at, xml FROM plain WHERE owner = ? ${conditions
        .map(([, condition]) => `AND ${condition}`)
        .join(" ")} ORDER BY ${order.join(", ")} LIMIT ?`;
      const values = conditions.map(([name]) => given[name as keyof typeof given]);
      return turn.read(() => statementOf(db, sql).all(owner, ...values, limit + 1));
    },
  };
}

const statements = new WeakMap<Database, Map<string, ReturnType<Database["prepare"]>>>();

function statementOf(db: Database, sql: string) {
  const known = statements.get(db) ?? new Map<string, ReturnType<Database["prepare"]>>();
  statements.set(db, known);
  const statement = known.get(sql) ?? db.prepare(sql);
  known.set(sql, statement);
  return statement;
}

// ---- messages: owners take turns at random, some contacts are dearer than others, three in ten messages are encrypted

/** The same numbers in every run, from 0 to below 1 (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const ownerName = (n: number): string => `user-${String(n).padStart(4, "0")}@example.com`;
const contactName = (n: number): string => `contact-${String(n).padStart(3, "0")}@example.net`;

function* conversation(): Generator<ArchivedMessage, never> {
  const random = randomNumbers(1);
  const below = (bound: number): number => Math.floor(random() * bound);
  const text = "x".repeat(4_000);
  let at = START;
  for (;;) {
    at += below(2 * MEAN_GAP_MS);
    const id = at.toString(36).padStart(9, "0") + random().toString(36).slice(2, 17).padEnd(15, "0");
    const encrypted = random() < 0.3;
    const octets = encrypted ? 1_200 + below(1_200) : 250 + below(300);
    const contact = contactName(Math.floor(random() * random() * CONTACTS));
    const owner = ownerName(below(OWNERS));
    const addresses = `from='${contact}/${at % 3}' to='${owner}/phone' type='chat' id='${id}'`;
    const content = encrypted ? omemo(text.slice(0, octets - 750)) : `<body>${text.slice(0, octets - 140)}</body>`;
    yield { owner, id, with: contact, at, xml: `<message xmlns='jabber:client' ${addresses}>${content}</message>` };
  }
}

/** As XEP-0384 has it, for six devices. */
function omemo(payload: string): string {
  const key = (rid: number): string => `<key rid='${rid}'>${"b64/".repeat(12)}</key>`;
  const keys = [1, 2, 3, 4, 5, 6].map((n) => key(1_000_000_000 + n)).join("");
  const encrypted = `<header sid='1234567890'>${keys}<iv>b64/b64/b64/b64=</iv></header><payload>${payload}</payload>`;
  return `<encrypted xmlns='eu.siacs.conversations.axolotl'>${encrypted}</encrypted><store xmlns='urn:xmpp:hints'/>`;
}

// ---- measuring

const round = (value: number): string => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);

/** By the clock, and by the processor, which counts no waiting: for the disk, or for other programs. */
type Cost = { readonly elapsedMs: number; readonly cpuMs: number };

async function costOf(step: () => Promise<unknown>, share = 1): Promise<Cost> {
  const [begun, cpu] = [performance.now(), process.cpuUsage()];
  await step();
  const elapsedMs = performance.now() - begun;
  const { user, system } = process.cpuUsage(cpu);
  return { elapsedMs: elapsedMs / share, cpuMs: (user + system) / 1_000 / share };
}

/** "p50 / p99" of some durations. */
function percentiles(durations: readonly number[]): string {
  const sorted = durations.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return `${round(at(0.5))} / ${round(at(0.99))}`;
}

/** @param unitsOfMs 1: milliseconds, 1000: microseconds */
function print(name: string, costs: readonly Cost[], unitsOfMs = 1): void {
  const elapsed = percentiles(costs.map(({ elapsedMs }) => elapsedMs * unitsOfMs));
  const cpu = percentiles(costs.map(({ cpuMs }) => cpuMs * unitsOfMs));
  console.log(`  ${name}`.padEnd(42) + elapsed.padEnd(20) + cpu);
}

type Shape = { readonly name: string; readonly query: (sample: ArchivedMessage) => ArchiveQuery };

const shapes: readonly Shape[] = [
  { name: "newest", query: () => ({ backward: true, limit: PAGE }) },
  { name: "before an id", query: ({ id }) => ({ beforeId: id, backward: true, limit: PAGE }) },
  { name: "after an id", query: ({ id }) => ({ afterId: id, backward: false, limit: PAGE }) },
  { name: "from a time", query: ({ at }) => ({ start: at, end: at + 1e9, backward: false, limit: PAGE }) },
  { name: "with one, newest", query: (one) => ({ with: one.with, backward: true, limit: PAGE }) },
  {
    name: "with one, before an id",
    query: (one) => ({ with: one.with, beforeId: one.id, backward: true, limit: PAGE }),
  },
];

/** How many messages in a commit, and how often. */
const BATCHES = [
  [1, 2_000],
  [20, 500],
  [200, 100],
] as const;

/** Drops the file from the operating system's cache (Linux, GNU dd). */
function forget(file: string): void {
  spawnSync("dd", [`if=${file}`, "iflag=nocache", "count=0", "status=none"]);
}

async function measure(layout: Layout, file: string, total: number): Promise<readonly ArchivedMessage[]> {
  const db = openDatabase(file);
  const archive = layout.open(db);
  const messages = conversation();
  const take = (count: number): ArchivedMessage[] => Array.from({ length: count }, () => messages.next().value);
  const samples: ArchivedMessage[] = [];

  console.log(`\n${layout.name}: us a message`);
  const load: Cost[] = [];
  for (let done = 0; done < total; done += 200) {
    const batch = take(200);
    if (done % 10_000 === 0) samples.push(...batch.slice(0, 20));
    load.push(await costOf(() => archive.add(batch), 200));
  }
  print("load, 200 a commit", load, 1_000);
  for (const [size, times] of BATCHES) {
    const costs: Cost[] = [];
    for (let n = 0; n < times; n += 1) {
      const batch = take(size);
      costs.push(await costOf(() => archive.add(batch), size));
    }
    print(`add, ${size} a commit`, costs, 1_000);
  }
  db.pragma("wal_checkpoint(TRUNCATE)");
  const stored = total + BATCHES.reduce((sum, [size, times]) => sum + size * times, 0);
  console.log(`${layout.name}: ${round(statSync(file).size / stored)} octets a message; ms a page`);
  for (const { name, query } of shapes) {
    const costs: Cost[] = [];
    for (const sample of samples) costs.push(await costOf(() => archive.page(sample.owner, query(sample))));
    print(name, costs);
  }
  db.close();
  await measureCold(layout, file, samples);
  return samples;
}

/** Pages that the operating system has to read from the disk. Last: what it forgot comes back slowly. */
async function measureCold(layout: Layout, file: string, samples: readonly ArchivedMessage[]): Promise<void> {
  for (const { name, query } of shapes) {
    const costs: Cost[] = [];
    for (const sample of samples.filter((_, n) => n % 20 === 0)) {
      forget(file);
      const db = openDatabase(file);
      const archive = layout.open(db);
      costs.push(await costOf(() => archive.page(sample.owner, query(sample))));
      db.close();
    }
    print(`from disk: ${name}`, costs);
  }
}

// ---- queries, from the element that asks to the text that answers

const field = (name: string, value: string): string => `<field var='${name}'><value>${value}</value></field>`;

function asked(fields: string, set: string): string {
  const form = `<x xmlns='jabber:x:data' type='submit'>${field("FORM_TYPE", "urn:xmpp:mam:2")}${fields}</x>`;
  const page = `<set xmlns='http://jabber.org/protocol/rsm'><max>${PAGE}</max>${set}</set>`;
  return `<query xmlns='urn:xmpp:mam:2' queryid='f27'>${fields === "" ? "" : form}${page}</query>`;
}

const time = (at: number): string => new Date(at).toISOString();

const questions: readonly { readonly name: string; readonly ask: (sample: ArchivedMessage) => string }[] = [
  { name: "newest", ask: () => asked("", "<before/>") },
  { name: "before an id", ask: ({ id }) => asked("", `<before>${id}</before>`) },
  { name: "after an id", ask: ({ id }) => asked("", `<after>${id}</after>`) },
  { name: "from a time", ask: ({ at }) => asked(field("start", time(at)) + field("end", time(at + 1e9)), "") },
  { name: "with one, newest", ask: (one) => asked(field("with", one.with), "<before/>") },
  { name: "with one, before an id", ask: (one) => asked(field("with", one.with), `<before>${one.id}</before>`) },
  { name: "with one resource, newest", ask: (one) => asked(field("with", `${one.with}/1`), "<before/>") },
];

/** What one query takes of the main thread, all of it. */
async function answer(store: Store, owner: string, query: string): Promise<string> {
  const request = readQuery(parse(query) as Element);
  if ("kind" in request) throw new Error(request.condition);
  const asker = { from: owner, to: `${owner}/phone`, queryid: request.queryid };
  const order = { filter: request.filter, set: request.set, characters: 2_000_000, overhead: overheadOf(asker) };
  const page = await readPage(store.archive, owner, order);
  if (page === undefined) throw new Error("item-not-found");
  return page.messages.map((one) => serialize(resultElement(one, asker))).join("") + serialize(finElement(page));
}

async function measureQueries(file: string, samples: readonly ArchivedMessage[]): Promise<void> {
  console.log(`\nqueries of ${PAGE} messages, count and index included, up to the text that is sent: ms`);
  const db = openDatabase(file);
  const statements = prepared(db);
  const store = sqliteStore(db);
  for (const { name, ask } of questions) {
    const costs: Cost[] = [];
    for (const sample of samples) costs.push(await costOf(() => answer(store, sample.owner, ask(sample))));
    print(name, costs);
  }
  await measureLargest(store);
  console.log("\nplans");
  for (const sql of statements) {
    if (!/archive/.test(sql) || !/^\s*(SELECT|UPDATE|DELETE)/.test(sql)) continue;
    console.log(`  ${sql.replace(/\s+/g, " ").trim()}`);
    const nothing = Array.from(sql.matchAll(/\?/g), () => null);
    for (const step of db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(nothing)) {
      console.log(`      ${(step as { readonly detail: string }).detail}`);
    }
  }
  await store.close();
}

/** An archive as large as archive.messagesPerAccount lets one become, all of it with one contact: the worst there is. */
async function measureLargest(store: Store): Promise<void> {
  const owner = "largest@example.com";
  const messages = conversation();
  for (let n = 0; n < LARGEST; n += 200) {
    const batch = Array.from({ length: 200 }, () => ({ ...messages.next().value, owner, with: contactName(0) }));
    await store.archive.add(batch);
  }
  const newest = asked(field("with", contactName(0)), "<before/>");
  await several("largest: with one, newest", 200, () => answer(store, owner, newest));
  // A turn of the event loop for each 100 messages.
  const nowhere = asked(field("with", `${contactName(0)}/nowhere`), "");
  const turns: Cost[] = [];
  for (let n = 0; n < 3; n += 1) turns.push(await costOf(() => answer(store, owner, nowhere), LARGEST / 100));
  print("largest: a resource it has not, a turn", turns);
}

/** Every statement that is prepared from now on, once. */
function prepared(db: Database): ReadonlySet<string> {
  const seen = new Set<string>();
  const prepare = db.prepare.bind(db);
  db.prepare = ((sql: string) => {
    if (!sql.startsWith("EXPLAIN")) seen.add(sql);
    return prepare(sql);
  }) as typeof db.prepare;
  return seen;
}

/** What else the store does with archives and sessions, on the file that `measure` filled. */
async function measureStore(file: string): Promise<void> {
  console.log("\nother operations: ms");
  const db = openDatabase(file);
  const store = sqliteStore(db);
  await several("count up to 1000 with one", 500, (n) =>
    store.archive.count(ownerName(n % OWNERS), { with: contactName(n % CONTACTS) }, 1_000),
  );
  await several("bounds", 500, (n) => store.archive.bounds(ownerName(n % OWNERS)));
  await several("prune 200 messages", 100, () => store.archive.prune(0, 4_000, 200));
  await several("remove an archive", 100, (n) => store.archive.removeOwner(ownerName(n)));
  await measureSessions(store);
  await store.close();
}

async function several(name: string, times: number, step: (n: number) => Promise<unknown>): Promise<void> {
  const costs: Cost[] = [];
  for (let n = 0; n < times; n += 1) costs.push(await costOf(() => step(n)));
  print(name, costs);
}

async function measureSessions({ sessions }: Store): Promise<void> {
  const id = (n: number): string => String(n).padStart(64, "0");
  const session = { owner: ownerName(0), resourcepart: "phone", state: "{}", inbound: 0, savedAt: START };
  await sessions.apply(Array.from({ length: 1_000 }, (_, n) => ({ id: id(n), save: { ...session, id: id(n) } })));
  const xml = "x".repeat(500);
  await several("apply 20 session changes", 1_000, (turn) =>
    sessions.apply(
      Array.from({ length: 20 }, (_, n) => ({
        id: id((turn * 20 + n) % 1_000),
        inbound: turn,
        append: [{ sequence: turn + 1, xml, at: START + turn, delivery: "d" }],
        ackedUpTo: turn - 100,
      })),
    ),
  );
  await several("load all sessions", 5, () => sessions.loadAll());
}

const [total = "1000000", parent = tmpdir(), count = "3"] = process.argv.slice(2);
console.log("p50 / p99 by the clock, then by the processor alone");
const folder = mkdtempSync(join(parent, "balcony-bench-"));
try {
  const used = layouts.slice(0, Number(count));
  const samples: (readonly ArchivedMessage[])[] = [];
  for (const [n, layout] of used.entries())
    samples.push(await measure(layout, join(folder, `${n}.sqlite`), Number(total)));
  await measureQueries(join(folder, "0.sqlite"), samples[0] ?? []);
  await measureStore(join(folder, "0.sqlite"));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
