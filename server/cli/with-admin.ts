// Administration by the command line: through the server that runs on the data folder, else on its database directly.

import type { Admin } from "../admin.ts";
import type { Config } from "../config.ts";
import { Failure } from "./failure.ts";

/** The options that every command has. */
export type CommonOptions = { readonly config?: string; readonly verbose?: boolean };

/** What `act` returns. Throws what it throws, and ConfigError, Failure, ControlError, and all of createServer's. */
export async function withAdmin<T>(
  options: CommonOptions,
  act: (admin: Admin, config: Config) => Promise<T>,
): Promise<T> {
  const { loadConfigFile } = await import("./config-file.ts");
  const { parseConfig } = await import("../config.ts");
  const input = loadConfigFile(options.config, process.env).config;
  const config = parseConfig(input);
  if (config.storage.path === ":memory:") {
    throw new Failure("storage.path is :memory:, so nothing would be kept; set it to a folder");
  }
  const running = await connectRunning(config.storage.path);
  if (running !== undefined) return act(running, config);
  const { createServer } = await import("../index.ts");
  const server = await createServer(input);
  try {
    return await act(server.admin, config);
  } finally {
    await server.stop();
  }
}

/** The Admin of the server that runs on this data folder; undefined: none does. */
export async function connectRunning(dataFolder: string): Promise<Admin | undefined> {
  const { existsSync } = await import("node:fs");
  if (!existsSync(dataFolder)) return undefined;
  const [{ connectAdmin }, { controlPath }] = await Promise.all([
    import("../control.ts"),
    import("../control/path.ts"),
  ]);
  return connectAdmin(await controlPath(dataFolder, false));
}
