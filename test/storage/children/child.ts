// Starts one of the scripts in this folder as a process of its own and reads its lines.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

export type Child = {
  readonly process: ChildProcess;
  /** Every whole line so far. */
  readonly lines: readonly string[];
  /** Resolves with the exit code, or the signal that ended it, after the last line. */
  readonly ended: Promise<number | string>;
};

/**
 * @param onLine is told each line when it comes
 * @param fileBlocks limits the files that the child may write, in blocks of 1024 octets (ulimit -f)
 */
export function startChild(
  script: string,
  args: readonly string[],
  onLine: (line: string, child: ChildProcess) => void = () => undefined,
  fileBlocks?: number,
): Child {
  const node = [process.execPath, "--import", "tsx", join(import.meta.dirname, script), ...args];
  const limited = ["bash", "-c", `ulimit -f ${fileBlocks}; exec "$@"`, "bash", ...node];
  const [command = "", ...rest] = fileBlocks === undefined ? node : limited;
  const child = spawn(command, rest, { stdio: ["ignore", "pipe", "inherit"] });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    onLine(line, child);
  });
  const ended = once(child, "close").then(([code, signal]) => code ?? signal);
  return { process: child, lines, ended };
}
