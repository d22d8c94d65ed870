// Writes offline messages of one owner and prints the text of each one once its promise resolved.
// Arguments: file, owner, how many (0: without end), how many in one turn, length of a message.

import { openSqliteStore } from "../../../storage/sqlite.ts";

process.on("SIGXFSZ", () => undefined); // past a file size limit: let the write fail instead of the process
const [file = "", owner = "", total, perTurn, length] = process.argv.slice(2);
const store = openSqliteStore(file);
process.stdout.write("ready\n");

let written = 0;
let failures = 0;
while ((Number(total) === 0 || written < Number(total)) && failures < 3) {
  const turn = Array.from({ length: Number(perTurn) }, async () => {
    written += 1;
    const text = String(written).padEnd(Number(length), ".");
    await store.offline.add(owner, text, 0, Number.MAX_SAFE_INTEGER);
    process.stdout.write(`${text}\n`);
  });
  for (const result of await Promise.allSettled(turn)) {
    if (result.status === "fulfilled") continue;
    failures += 1;
    process.stdout.write(`failed ${(result.reason as { reason?: string }).reason}\n`);
  }
}
process.stdout.write(`count ${await store.offline.count(owner)}\n`);
await store.close();
