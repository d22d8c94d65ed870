// Archives a message and appends it to a session, in one turn, until it is killed. Prints the number of each turn once
// both promises resolved. Arguments: file, owner.

import { openSqliteStore } from "../../../storage/sqlite.ts";

const [file = "", owner = ""] = process.argv.slice(2);
const store = openSqliteStore(file);
const id = "session";
const session = { id, owner, resourcepart: "balcony", state: "{}", inbound: 0, savedAt: 0 };
await store.sessions.apply([{ id, save: session }]);
process.stdout.write("ready\n");

for (let n = 1; ; n += 1) {
  const xml = `<message id='${n}'/>`;
  await Promise.all([
    store.archive.add([{ owner, id: String(n), with: owner, at: n, xml }]),
    store.sessions.apply([{ id, inbound: n, append: [{ sequence: n, xml, at: n, delivery: "" }] }]),
  ]);
  process.stdout.write(`${n}\n`);
}
