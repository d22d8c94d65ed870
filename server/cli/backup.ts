// balcony backup: all that the server keeps, in one file.

import type { Command } from "commander";
import { makeBackup } from "../backup/backup.ts";
import { systemClock } from "../clock.ts";
import { parseConfig } from "../config.ts";
import { loadConfigFile } from "./config-file.ts";
import { Failure } from "./failure.ts";
import { howToCall, print, remark, shellWord } from "./output.ts";
import type { CommonOptions } from "./with-admin.ts";

type Options = CommonOptions & { readonly force?: boolean; readonly json?: boolean };

/** Describes `balcony backup`. */
export function defineBackup(backup: Command): void {
  backup
    .argument("<file>", "where the backup is written; its folder must exist, and not be the data folder")
    .option("-f, --force", "replace the file if it exists, once the new one is whole")
    .option("--json", "print what it holds as a JSON object")
    .action(async (file: string, _: unknown, command: Command) => run(file, command.optsWithGlobals<Options>()))
    .addHelpText(
      "after",
      `
It works while the server runs, which goes on meanwhile, and while it does not. The file holds the database as it was at the
moment the command began, credentials.key and the self-signed certificate with its key; not the configuration, and no
certificate that it names. Whoever has the file can try passwords: its mode is 600, keep it as you keep the data folder.
It is checked before it gets its name; a backup that fails or is killed leaves nothing under that name.

--json prints file, domain, at, balcony (the version), schema, accounts, offlineMessages, archivedMessages, octets, seconds,
files, and rows (of each table).

Examples:
  balcony backup /var/backups/balcony/today
  balcony backup --force --json nightly.balcony
  balcony restore /var/backups/balcony/today`,
    );
}

async function run(file: string, options: Options): Promise<void> {
  const config = parseConfig(loadConfigFile(options.config, process.env).config);
  if (config.storage.path === ":memory:") {
    throw new Failure("storage.path is :memory:, so there is nothing to back up; set it to a folder");
  }
  const begun = performance.now();
  const made = await makeBackup({
    dataFolder: config.storage.path,
    domain: config.domain,
    file,
    force: options.force === true,
    at: systemClock().now(),
    signal: stopped(),
  });
  const seconds = Math.round(performance.now() - begun) / 1000;
  const { domain, at, balcony, schema, rows, files } = made.manifest;
  const counts = {
    accounts: rows.account ?? 0,
    offlineMessages: rows.offline_message ?? 0,
    archivedMessages: rows.archive_message ?? 0,
  };
  if (options.json) {
    const names = files.map(({ name }) => name);
    const all = {
      file: made.file,
      domain,
      at,
      balcony,
      schema,
      ...counts,
      octets: made.octets,
      seconds,
      files: names,
      rows,
    };
    return print(JSON.stringify(all));
  }
  print(`Backed up ${domain} to ${made.file}: ${holdings(rows)}; ${made.octets} bytes in ${seconds} seconds.`);
  remark(`It holds the key of the passwords: keep it safe. Back with it: ${howToCall()} restore ${shellWord(file)}`);
}

/** In words, of the rows of each table. */
export function holdings(rows: Readonly<Record<string, number>>): string {
  const count = (table: string, one: string): string => {
    const n = rows[table] ?? 0;
    return `${n} ${one}${n === 1 ? "" : "s"}`;
  };
  return [
    count("account", "account"),
    count("offline_message", "offline message"),
    count("archive_message", "archived message"),
  ].join(", ");
}

/** Is aborted by Ctrl-C, or a service manager: what was written so far is removed. */
function stopped(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => controller.abort(new Failure(`stopped by ${signal}; no backup was made`)));
  }
  return controller.signal;
}
