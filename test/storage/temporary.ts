// A folder of its own for each test of a file, gone after it.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";

/** Gives the path of `name` in the running test's folder. */
export function temporaryFolder(): (name?: string) => string {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "balcony-storage-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  return (name = "balcony.sqlite") => join(folder, name);
}
