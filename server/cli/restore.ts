// balcony restore: a backup becomes what the server keeps.

import type { Command } from "commander";
import { restoreBackup } from "../backup/restore.ts";
import { systemClock } from "../clock.ts";
import { parseConfig } from "../config.ts";
import { holdings } from "./backup.ts";
import { loadConfigFile } from "./config-file.ts";
import { Failure } from "./failure.ts";
import { print, remark } from "./output.ts";
import type { CommonOptions } from "./with-admin.ts";

type Options = CommonOptions & { readonly force?: boolean };

/** Describes `balcony restore`. */
export function defineRestore(restore: Command): void {
  restore
    .argument("<file>", 'a file that "balcony backup" made')
    .option("-f, --force", "replace the database that is in the data folder; it is kept in a folder beside")
    .action(async (file: string, _: unknown, command: Command) => run(file, command.optsWithGlobals<Options>()))
    .addHelpText(
      "after",
      `
The server must be stopped. The data folder is storage.path of the configuration, and is made if it is not there. Database,
credentials.key and self-signed certificate are replaced together: a restore that fails changes nothing, and one that is
killed leaves either all of the old or all of the new. What was there is moved to before-restore-DATE in the data folder,
which is itself a data folder; delete it when you no longer need it.

A backup of an older Balcony is brought up to date when the server starts. One of a newer Balcony, or of another domain, is
refused.

Examples:
  balcony restore /var/backups/balcony/today
  balcony restore --force --config /etc/balcony/config.json nightly.balcony`,
    );
}

async function run(file: string, options: Options): Promise<void> {
  const config = parseConfig(loadConfigFile(options.config, process.env).config);
  const dataFolder = config.storage.path;
  if (dataFolder === ":memory:") {
    throw new Failure("storage.path is :memory:, so nothing would be kept; set it to a folder");
  }
  const { manifest, before, isOlder } = restoreBackup({
    dataFolder,
    domain: config.domain,
    file,
    force: options.force === true,
    at: systemClock().now(),
  });
  print(`Restored ${manifest.domain} as of ${manifest.at} into ${dataFolder}: ${holdings(manifest.rows)}.`);
  if (before !== undefined) print(`What was there before is in ${before}`);
  if (isOlder) remark("It is of an older Balcony; the server brings it up to date when it starts.");
}
