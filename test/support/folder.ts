// A folder on disk for one test, gone when its servers are stopped.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cleanUp } from "./server.ts";

/** Ask for it before starting the server that uses it: what was asked for last is cleaned up first. */
export async function temporaryFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "balcony-test-"));
  cleanUp(() => rm(path, { recursive: true, force: true }));
  return path;
}
