// The SQLite store as messages use it: archive and offline rows, one to a commit and twenty; a page of 50; roster items.
// test/bench/storage.ts looks at the archive's layout and at large databases.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newStanzaId } from "../../../server/archive/stanza-id.ts";
import { openSqliteStore } from "../../../storage/sqlite.ts";
import type { Store } from "../../../storage/store.ts";
import { report, type Task } from "./harness.ts";
import { chat } from "./stanzas.ts";

const OWNER = "juliet@example.com";
const CONTACT = "romeo@example.net";
const XML = chat(OWNER, ` from='${CONTACT}/phone'`);
const AT = Date.UTC(2026, 0, 1);
const TURN = 20;

/** The same from as many clients in one turn of the event loop: one commit. */
function together(name: string, times: number, operation: () => Promise<unknown>, store: Store): Task {
  let calls = 0;
  let commits = 0;
  return {
    name,
    operations: times,
    run: async () => {
      if (calls === 0) commits = store.statistics?.commits ?? 0;
      calls += 1;
      await Promise.all(Array.from({ length: times }, operation));
    },
    counted: () => `${(((store.statistics?.commits ?? 0) - commits) / (calls * times)).toFixed(2)} commits`,
  };
}

export async function run(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "balcony-micro-"));
  const store = openSqliteStore(join(folder, "balcony.sqlite"));
  let at = AT;
  let user = 0;
  const row = (owner: string) => ({ owner, id: newStanzaId(), with: CONTACT, at: at++, xml: XML });
  const archive = () => store.archive.add([row(OWNER), row(CONTACT)]);
  const offline = () => store.offline.add(`user-${user++}@example.com`, XML, at++, 1_000);
  const newest = { backward: true, limit: 50 };
  const item = { contact: CONTACT, inRoster: true, name: "Romeo", groups: ["Friends"], state: "both" as const };
  const update = () =>
    store.roster.update(`user-${user++}@example.com`, CONTACT, () => ({
      ...item,
      approved: false,
      pendingSubscribe: "",
    }));
  try {
    await report(`store, SQLite, ${folder.startsWith("/dev/shm") ? "in memory" : "on disk"}`, [
      together("message archived for both", 1, archive, store),
      together(`the same, ${TURN} in a turn`, TURN, archive, store),
      together("offline message", 1, offline, store),
      together(`the same, ${TURN} in a turn`, TURN, offline, store),
      together("page of the 50 newest", 1, () => store.archive.page(OWNER, newest), store),
      together("roster item", 1, update, store),
    ]);
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
