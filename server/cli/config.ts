// balcony config: what the configuration says.

import type { Command } from "commander";
import { loadConfigFile } from "./config-file.ts";
import { print } from "./output.ts";
import type { CommonOptions } from "./with-admin.ts";

/** Adds the subcommands of `balcony config`. */
export function defineConfig(config: Command): void {
  config
    .command("check")
    .description("read the configuration and name every mistake in it; nothing is started or changed")
    .action(async (_: unknown, command: Command) => {
      const { source, variables } = loadConfigFile(command.optsWithGlobals<CommonOptions>().config, process.env);
      const more = variables.length === 0 ? "" : `, with ${variables.join(", ")} from the environment`;
      print(`The configuration is valid: ${source}${more}.`);
    });

  config.addHelpText(
    "after",
    `
Without --config it is ./config.json if that exists, else built-in settings for a trial. Every setting can also come from
the environment, BALCONY_C2S_PORT for c2s.port and so on; docs/configuration.md lists them.

Examples:
  balcony config check
  balcony config check --config /etc/balcony/config.json`,
  );
}
