// Administration by the command line: through the server that runs on the data folder, else on its database directly.

import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { FolderLockedError, refuseLockedFolder } from "../../storage/folder-lock.ts";
import type { Admin } from "../admin.ts";
import { type Config, parseConfig } from "../config.ts";
import { controlPath } from "../control/path.ts";
import { connectAdmin } from "../control.ts";
import { loadConfigFile } from "./config-file.ts";
import { Failure } from "./failure.ts";

const ATTEMPTS = 50;
const ATTEMPT_MS = 100;

/** The options that every command has. */
export type CommonOptions = { readonly config?: string; readonly verbose?: boolean };

/** What `act` returns, which is told whether the server runs. Throws what it throws, and ConfigError, Failure, ControlError, and all of createServer's. */
export async function withAdmin<T>(
  options: CommonOptions,
  act: (admin: Admin, config: Config, isRunning: boolean) => Promise<T>,
): Promise<T> {
  const input = loadConfigFile(options.config, process.env).config;
  const config = parseConfig(input);
  if (config.storage.path === ":memory:") {
    throw new Failure("storage.path is :memory:, so nothing would be kept; set it to a folder");
  }
  const running = await findRunning(config.storage.path);
  if (running !== undefined) return act(running, config, true);
  const { createServer } = await import("../index.ts");
  const server = await createServer(input);
  try {
    return await act(server.admin, config, false);
  } finally {
    await server.stop();
  }
}

/**
 * The Admin of the server that runs on this data folder; undefined: none does. One that is starting or stopping holds the lock
 * but has no control socket: that does not last long, and is waited for. Throws Failure.
 */
export async function findRunning(dataFolder: string): Promise<Admin | undefined> {
  for (let attempts = 1; ; attempts += 1) {
    const running = await connectRunning(dataFolder);
    if (running !== undefined) return running;
    try {
      refuseLockedFolder(dataFolder);
      return undefined;
    } catch (error) {
      if (!(error instanceof FolderLockedError)) throw error;
      if (attempts === ATTEMPTS) throw withoutSocket(error.pid, dataFolder);
      await delay(ATTEMPT_MS);
    }
  }
}

// Beside a server that knows nothing of it a change would be half done: sessions go on, rosters in memory are older.
function withoutSocket(pid: number | undefined, dataFolder: string): Failure {
  const who = pid === undefined ? "a program" : `process ${pid}`;
  return new Failure(
    `${who} runs a server on ${dataFolder} that takes no commands: it was embedded; use its admin calls, or stop it first`,
  );
}

/** The same, as it is now: one that is just starting takes no commands yet. */
export async function connectRunning(dataFolder: string): Promise<Admin | undefined> {
  if (!existsSync(dataFolder)) return undefined;
  return connectAdmin(await controlPath(dataFolder, false));
}
