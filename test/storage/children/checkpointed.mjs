// Writes until the checkpoint thread has made the log begin again, prints that, and comes to its end.
// Arguments: URL of the module storage/sqlite, database, "close" or "leave" (the store as it is).

import { statSync } from "node:fs";

const [module, file, ending] = process.argv.slice(2);
const { openSqliteStore } = await import(module);
const store = openSqliteStore(file, { checkpoints: { frames: 100 } });
const owner = "juliet@example.com";

// A log of 100 frames, but for what is written while the thread starts and works: the file stops growing when it begins again.
let written = 0;
for (let length = -1, same = 0; same < 100; written += 1) {
  await store.offline.add(owner, "x".repeat(3_000), 0, 1_000_000);
  const { size } = statSync(`${file}-wal`);
  same = size === length ? same + 1 : 0;
  length = size;
  if (written === 20_000) throw new Error("the log only grows");
}
console.log(`count ${(await store.offline.count(owner)) === written}`);
if (ending === "close") await store.close();
