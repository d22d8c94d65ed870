// What presence costs when it is told to many through the gateway: for each of them one record read, changed and logged, and
// nothing more; one document for all of them, and nothing read again.

import { join } from "node:path";
import { SaxesParser } from "saxes";
import { expect, test, vi } from "vitest";
import { openSqliteStore } from "../../storage/sqlite.ts";
import type { Store } from "../../storage/store.ts";
import { addPresentities, addWatchers, numbered, type Tie } from "../bench/filling.ts";
import { temporaryFolder } from "../support/folder.ts";
import { Foreign, pidf } from "../support/foreign.ts";
import { cleanUp, startServer } from "../support/server.ts";
import { recordStatements } from "./meters.ts";

const MANY = 50;
const FEW = 5;

async function stand(ties: readonly Tie[]) {
  const store: Store = openSqliteStore(join(await temporaryFolder(), "balcony.sqlite"));
  await addPresentities(store, new Set(ties.map(({ presentity }) => presentity)));
  await addWatchers(store, ties);
  const server = await startServer(
    { domain: "localhost", gateway: { domains: { "example.net": {} }, heartbeatSeconds: 1_000_000 } },
    { store },
  );
  return { server, foreign: await Foreign.of(server, "domain:example.net") };
}

const BESIDES = /^(BEGIN|COMMIT|SAVEPOINT|RELEASE|PRAGMA)|total_changes|sqlite_sequence/;

/** Statements by their kind, those of transactions and of event streams that read the log left out. */
function kinds(statements: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const statement of statements) {
    if (BESIDES.test(statement) || (statement.startsWith("SELECT") && statement.includes("FROM gateway_event")))
      continue;
    const [, kind = statement] = /^\s*((?:INSERT INTO|UPDATE|SELECT)\b)/.exec(statement) ?? [];
    const [, table = ""] = /(?:INTO|UPDATE|FROM) (\w+)/.exec(statement) ?? [];
    const name = `${kind} ${table}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

test("a presence change to 50 watching presentities: one read, one update and one event each (RFC 3922 section 6.3)", async () => {
  const { server, foreign } = await stand(
    [...numbered("n", MANY)].map((presentity) => ({ presentity, user: "juliet", who: "presentity" })),
  );
  const juliet = await server.online("juliet");
  const events = await foreign.events("/domains/example.net/events");
  cleanUp(async () => events.close());
  for (let n = 0; n < MANY; n += 1) await events.expect("notify");
  const statements = recordStatements();
  juliet.send("<presence><show>away</show><status>at the ball</status></presence>");
  const told = [];
  for (let n = 0; n < MANY; n += 1) told.push(await events.expect("notify"));
  expect(kinds(statements)).toEqual({
    "SELECT relation": MANY,
    "UPDATE relation": MANY,
    "INSERT INTO gateway_event": MANY,
  });
  // One document for all: made another time, it would have another timestamp (RFC 3863 section 4.1.7; JC-32).
  expect(new Set(told.map(({ data }) => data.object)).size).toBe(1);
  expect(new Set(told.map(({ data }) => data.watcher)).size).toBe(MANY);
  expect(statements.filter((statement) => /^UPDATE relation/.test(statement))[0]).not.toContain("subscription_open");
});

test("successive changes have documents of their own (RFC 3863 section 4.1.7; JC-32)", async () => {
  const { server, foreign } = await stand([
    { presentity: "n0", user: "juliet", who: "presentity" },
    { presentity: "n1", user: "juliet", who: "presentity" },
  ]);
  const juliet = await server.online("juliet");
  const events = await foreign.events("/domains/example.net/events");
  cleanUp(async () => events.close());
  const times: string[] = [];
  for (const show of ["", "away", "dnd", "xa"]) {
    if (show !== "") juliet.send(`<presence><show>${show}</show></presence>`);
    for (let n = 0; n < 2; n += 1) {
      const { data } = await events.expect("notify");
      times.push(/<timestamp>([^<]*)</.exec(String(data.object))?.[1] ?? "");
    }
  }
  const distinct = [...new Set(times)];
  expect(times).toHaveLength(8);
  expect(distinct).toHaveLength(4);
  expect(distinct).toEqual(distinct.toSorted());
});

async function statementsOfPublication(watchers: number): Promise<Record<string, number>> {
  const names = [...numbered("w", watchers)];
  const { server, foreign } = await stand(names.map((user) => ({ presentity: "romeo", user, who: "user" })));
  const clients = await Promise.all(names.map((name) => server.online(name)));
  await foreign.publish("romeo@example.net", pidf("romeo@example.net", { id: "orchard" }));
  for (const client of clients) await client.until("<presence from='romeo@example.net/orchard'/>");
  const statements = recordStatements();
  await foreign.publish("romeo@example.net", pidf("romeo@example.net", { id: "orchard", im: "away" }));
  for (const client of clients) {
    await client.until("<presence from='romeo@example.net/orchard'><show>away</show></presence>");
  }
  return kinds(statements);
}

test("a publication: as many statements for 50 watchers as for 5 (RFC 3922 section 6.3.1)", async () => {
  const few = await statementsOfPublication(FEW);
  expect(few).toEqual({
    "SELECT token": 1,
    "SELECT publication": 1,
    "INSERT INTO publication": 1,
    "SELECT relation": 1,
  });
  expect(await statementsOfPublication(MANY)).toEqual(few);
});

test("a publication is read once: what it replaces is known, and its watchers get what was read (RFC 3922 section 6.3.1)", async () => {
  const names = [...numbered("w", FEW)];
  const { server, foreign } = await stand(names.map((user) => ({ presentity: "romeo", user, who: "user" })));
  const clients = await Promise.all(names.map((name) => server.online(name)));
  const publish = async (note: string): Promise<void> => {
    await foreign.publish("romeo@example.net", pidf("romeo@example.net", { id: "orchard", note }));
    for (const client of clients) await client.until(`<presence><status>${note}</status></presence>`);
  };
  await publish("by the wall");
  const write = vi.spyOn(SaxesParser.prototype, "write");
  cleanUp(async () => write.mockRestore());
  await publish("over the wall");
  const documents = write.mock.calls.filter(([text]) => String(text).includes("urn:ietf:params:xml:ns:pidf"));
  expect(documents).toHaveLength(1);
});
