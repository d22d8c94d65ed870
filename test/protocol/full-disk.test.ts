// A disk that is full: clear errors, and nothing that was acknowledged is lost.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openDatabase } from "../../storage/sqlite/open.ts";
import { openSqliteStore, sqliteStore } from "../../storage/sqlite.ts";
import { Foreign, pidf } from "../support/foreign.ts";
import { cleanUp, startServer } from "../support/server.ts";

it("refuses with resource-constraint, keeps what was acknowledged, and recovers", async () => {
  const folder = await mkdtemp(join(tmpdir(), "balcony-full-"));
  cleanUp(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "balcony.sqlite");
  const db = openDatabase(file);
  const errors: unknown[] = [];
  const log = {
    debug() {},
    info() {},
    warn() {},
    error: (fields: unknown, event: string) => errors.push([event, fields]),
  };
  const server = await startServer(
    { gateway: { domains: { "example.net": {} } } },
    { store: sqliteStore(db), logger: log },
  );
  const foreign = await Foreign.of(server, "domain:example.net");
  await foreign.presentity("romeo@example.net");
  const juliet = await server.online("juliet");
  const pages = Number(db.pragma("page_count", { simple: true }));
  db.pragma(`max_page_count = ${pages + 10}`);

  const kept: string[] = [];
  for (let n = 0; ; n++) {
    const jid = `contact${n}@example.org`;
    const answer = await juliet.ask(
      "set",
      `<query xmlns='jabber:iq:roster'><item jid='${jid}' name='${"n".repeat(1_000)}'/></query>`,
    );
    if (answer.attrs.type === "result") {
      kept.push(jid);
      continue;
    }
    expect(answer.toString()).toContain("resource-constraint");
    break;
  }
  const published = await foreign.publish(
    "romeo@example.net",
    pidf("romeo@example.net", { id: "a", note: "x".repeat(60_000) }),
  );
  expect([published.status, published.json().condition]).toEqual([507, "resource-constraint"]);
  expect(JSON.stringify(errors)).toContain("the disk of the data folder is full");
  await juliet.expectNothing(); // what stores nothing goes on

  db.pragma(`max_page_count = ${pages + 10_000}`);
  const again = await juliet.ask("set", "<query xmlns='jabber:iq:roster'><item jid='late@example.org'/></query>");
  expect(again.attrs.type).toBe("result");
  await server.stop();

  const store = openSqliteStore(file);
  const { items } = await store.roster.load("juliet@example.com");
  expect(items.map(({ contact }) => contact).sort()).toEqual([...kept, "late@example.org"].sort());
  await store.close();
});
