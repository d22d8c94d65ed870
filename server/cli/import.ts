// balcony import: the accounts of another server, from a file in the portable format (XEP-0227).

import type { Command } from "commander";
import type { ImportSummary } from "../portable/import-file.ts";
import { Failure, UsageError } from "./failure.ts";
import { print, remark, visible } from "./output.ts";
import { type CommonOptions, withAdmin } from "./with-admin.ts";

type Options = CommonOptions & {
  readonly dryRun?: boolean;
  readonly skipExisting?: boolean;
  readonly replace?: boolean;
  readonly json?: boolean;
};

/** Of one batch: beside sessions, whose server writes it in one go, and alone. */
const BATCH_CHARACTERS = { running: 262_144, alone: 1_048_576 };
const REMARK_EVERY = 10_000;
const REFUSALS_SHOWN = 20;

/** Describes `balcony import`. */
export function defineImport(command: Command): void {
  command
    .argument("<file>", 'a file of XEP-0227, which may include others beside it; "-": standard input')
    .option("-n, --dry-run", "change nothing, and say what would be done")
    .option("--skip-existing", "leave accounts that exist as they are, and count that as done")
    .option("--replace", "put what the file has of an account in the place of what is there, and end its sessions")
    .option("--json", "print the counts as a JSON object")
    .action(async (file: string, _: unknown, called: Command) => run(file, called.optsWithGlobals<Options>()))
    .addHelpText(
      "after",
      `
Taken: passwords or SCRAM credentials (SHA-1, SHA-256), rosters with all states, waiting subscription requests, offline
messages, vCards, private XML, personal nodes (PEP). What is not taken, such as archives, privacy lists and accounts of other
domains than this server's, is counted at the end by kind.

It works while the server runs, and while it does not. The file may be of any size. Accounts that exist are left as they are,
and make the command fail in the end; choose --skip-existing or --replace. With --replace each part that the file has of an
account (its password, roster, messages ...) takes the place of that part; the others stay.

A file that is broken half-way, or a command that is stopped, leaves whole accounts only: correct it and run it again with
--skip-existing, which goes on where it ended.

Exit code 1: something was refused, or the file is broken. --json prints created, replaced, kept, refused, notTaken.

Examples:
  balcony import --dry-run users.xml
  balcony import users.xml
  zcat users.xml.gz | balcony import --skip-existing -`,
    );
}

async function run(file: string, options: Options): Promise<void> {
  if (options.replace && options.skipExisting) throw new UsageError("choose --replace or --skip-existing, not both");
  const { importFile } = await import("../portable/import-file.ts");
  const { fileSource } = await import("../portable/source.ts");
  const source = file === "-" ? { file: undefined, name: "standard input", octets: process.stdin } : fileSource(file);
  const check = options.dryRun === true;
  const summary = await withAdmin(options, async (admin, config, isRunning) => {
    // It may take long: a server that starts meanwhile would know nothing of it.
    const { lockFolder } = await import("../../storage/folder-lock.ts");
    const lock = isRunning ? undefined : lockFolder(config.storage.path);
    try {
      return await importFile(admin, source, {
        config,
        now: Date.now,
        existing: options.replace ? "replace" : "keep",
        check,
        batchCharacters: isRunning ? BATCH_CHARACTERS.running : BATCH_CHARACTERS.alone,
        progress: progress(),
      });
    } finally {
      lock?.release();
    }
  });
  if (options.json) printJson(summary);
  else printSummary(summary, check);
  conclude(summary, options);
}

function progress(): (summary: ImportSummary) => void {
  let told = 0;
  return ({ created, replaced, kept }) => {
    const done = created + replaced + kept;
    if (done - told < REMARK_EVERY) return;
    told = done;
    remark(`${done} accounts so far`);
  };
}

function printJson({ created, replaced, kept, refused, notTaken }: ImportSummary): void {
  const counts = Object.fromEntries(notTaken.entries.map(({ kind, count }) => [kind, count]));
  print(JSON.stringify({ created, replaced, kept, refused, notTaken: counts }));
}

function printSummary({ created, replaced, kept, refused, refusals, notTaken }: ImportSummary, check: boolean): void {
  for (const { name, line, reason } of refusals.slice(0, REFUSALS_SHOWN)) {
    remark(`line ${line}, user "${visible(name)}": ${visible(reason)}`);
  }
  if (refused > REFUSALS_SHOWN) remark(`and ${refused - REFUSALS_SHOWN} more that were refused`);
  for (const { kind, count } of notTaken.entries) remark(`not taken: ${count} ${visible(kind)}`);
  const would = check ? "would be " : "";
  print(`${accounts(created)} ${would}created.`);
  if (replaced > 0) print(`${accounts(replaced)} ${would}replaced.`);
  if (kept === 0) return;
  const stay = check ? "would stay" : kept === 1 ? "stays" : "stay";
  print(`${accounts(kept)} ${kept === 1 ? "exists" : "exist"} already and ${stay} unchanged.`);
}

function conclude({ created, replaced, kept, refused, fault, notTaken }: ImportSummary, options: Options): void {
  if (fault !== undefined) {
    const before = options.dryRun ? "" : "; what stands before it is done: correct it and go on with --skip-existing";
    throw new Failure(`${fault.message}${before}`, { cause: fault });
  }
  if (refused > 0)
    throw new Failure(`${accounts(refused)} refused; correct them and run this again with --skip-existing`);
  if (kept > 0 && !options.skipExisting) {
    throw new Failure(
      `${accounts(kept)} not imported, for they exist; --skip-existing is content with that, --replace takes the file's`,
    );
  }
  if (created + replaced + kept === 0 && notTaken.entries.length > 0) {
    throw new Failure("there is no account of this server's domain in the file; see domain in the configuration");
  }
}

function accounts(count: number): string {
  return `${count} account${count === 1 ? "" : "s"}`;
}
