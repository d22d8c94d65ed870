// Takes the lock of a folder, says so, and holds it until its standard input ends or it is killed.
// Argument: folder.

import { lockFolder } from "../../../storage/folder-lock.ts";

const [folder = ""] = process.argv.slice(2);
try {
  const lock = lockFolder(folder);
  process.stdout.write(`locked ${process.pid}\n`);
  process.on("SIGTERM", () => {
    lock.release();
    process.exit(0);
  });
  setInterval(() => {}, 60_000); // until a signal
} catch (error) {
  process.stdout.write(`${(error as Error).message}\n`);
}
