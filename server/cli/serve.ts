// balcony serve: runs the server until SIGINT or SIGTERM; SIGHUP reads the certificate files again.

import type { Command } from "commander";
import { refuseLockedFolder } from "../../storage/folder-lock.ts";
import { parseConfig } from "../config.ts";
import { controlPath } from "../control/path.ts";
import { serveControl } from "../control.ts";
import { type BalconyServer, createServer } from "../index.ts";
import type { Logger } from "../log.ts";
import { loadConfigFile } from "./config-file.ts";
import { createLogger } from "./logger.ts";
import { howToCall, print, shellWord } from "./output.ts";
import { endBy, stopAsked } from "./signals.ts";
import { welcome } from "./welcome.ts";
import type { CommonOptions } from "./with-admin.ts";

/** Describes `balcony serve`. */
export function defineServe(serve: Command): void {
  serve
    .action(async (_: unknown, command: Command) => run(command.optsWithGlobals<CommonOptions>()))
    .addHelpText(
      "after",
      `
Without --config it takes ./config.json if that exists, else built-in settings for a trial: the domain localhost on
loopback, the foreign domain example.net, everything kept in ./data. BALCONY_* variables change single settings.

The log goes to standard error: readable lines at a terminal, else JSON.
SIGTERM and SIGINT stop it gracefully, a second one at once. SIGHUP reads the certificate files again.

Examples:
  balcony serve
  balcony serve --config /etc/balcony/config.json
  BALCONY_C2S_PORT=15222 BALCONY_STORAGE_PATH=:memory: balcony serve`,
    );
}

async function run(options: CommonOptions): Promise<void> {
  const env = options.verbose ? { ...process.env, BALCONY_LOG_LEVEL: "debug" } : process.env;
  const { config, source, variables } = loadConfigFile(options.config, env);
  const logger = createLogger(config.log?.level ?? "info", process.stderr.isTTY === true);
  process.on("uncaughtException", (err) => {
    logger.error({ err }, "crashed");
    process.exit(1);
  });
  // start() takes the lock; but before that the store is opened, and a newer schema would be made of an older server's.
  refuseLockedFolder(parseConfig(config).storage.path);
  const server = await createServer(config, { logger });
  const asked = stopAsked(logger, () => void reload(server, logger));
  try {
    await server.start();
    const control = await openControl(server, logger); // behind the lock: a socket found here is nobody's
    try {
      const given = options.config === undefined ? "" : ` --config ${shellWord(options.config)}`;
      welcome(server, { program: howToCall(), arguments: given, source, variables }).forEach(print);
      await asked;
    } finally {
      await control?.close();
    }
  } finally {
    await server.stop();
  }
  endBy(await asked);
}

/** Nothing can be administered from outside where nothing is kept on disk. */
async function openControl(server: BalconyServer, logger: Logger): Promise<{ close(): Promise<void> } | undefined> {
  const { path } = server.config.storage;
  if (path === ":memory:" || process.platform === "win32") return undefined;
  return serveControl(server.admin, await controlPath(path, true), logger);
}

async function reload(server: BalconyServer, logger: Logger): Promise<void> {
  try {
    await server.reloadCertificates();
  } catch (error) {
    logger.error({ reason: (error as Error).message }, "certificate-not-reloaded");
  }
}
