// Where and with what was measured.

import { execFileSync } from "node:child_process";
import { cpus, release, totalmem, type } from "node:os";
import { fileURLToPath } from "node:url";
import { VERSION } from "../../server/version.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** For the head of the printed tables. */
export function machine(): string {
  const all = cpus();
  const gib = (totalmem() / 2 ** 30).toFixed(1);
  return `${all[0]?.model.trim() ?? "unknown CPU"}, ${all.length} cores, ${gib} GiB, ${type()} ${release()}`;
}

/** Of Balcony, with its commit where there is one. */
export function balconyVersion(): string {
  try {
    const commit = execFileSync("git", ["describe", "--always", "--dirty"], {
      cwd: ROOT,
      encoding: "utf8",
      stdio: "pipe",
    });
    return `${VERSION} (${commit.trim()})`;
  } catch {
    return VERSION;
  }
}
