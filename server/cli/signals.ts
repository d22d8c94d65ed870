// What signals ask of a running server.

import { isatty } from "node:tty";
import type { Logger } from "../log.ts";

/**
 * Resolves at the first SIGINT or SIGTERM, or SIGHUP because the terminal was closed; the next of them ends the process at
 * once. Any other SIGHUP calls `reload`.
 */
export function stopAsked(logger: Logger, reload: () => void): Promise<NodeJS.Signals> {
  const terminals = [0, 1, 2].filter((fd) => isatty(fd));
  const terminalIsGone = (): boolean => terminals.length > 0 && !terminals.some((fd) => isatty(fd));
  process.stderr.on("error", () => {}); // a log line to a closed terminal must not end the process before its time
  return new Promise((resolve) => {
    let asked = false;
    const stop = (signal: NodeJS.Signals): void => {
      logger.info({ signal }, asked ? "stopping-at-once" : "stopping");
      if (asked) process.exit(1);
      asked = true;
      resolve(signal);
    };
    process.on("SIGINT", stop);
    process.on("SIGTERM", stop);
    process.on("SIGHUP", (signal) => (terminalIsGone() ? stop(signal) : reload()));
  });
}

/** To be called when all is stopped. Without a terminal the process dies of the signal: Node 20 would abort at its exit. */
export function endBy(signal: NodeJS.Signals): void {
  if (signal !== "SIGHUP") return;
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
