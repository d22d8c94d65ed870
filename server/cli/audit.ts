// balcony audit: who logged in or tried to, what administration changed, and whom users reported.

import { type Command, InvalidArgumentError } from "commander";
import { printTable, remark } from "./output.ts";
import { type CommonOptions, withAdmin } from "./with-admin.ts";

const NEWEST = 50;

/** Describes `balcony audit`. */
export function defineAudit(audit: Command): void {
  audit
    .option("--limit <number>", "how many of the newest records, up to 10000", wholeNumber, NEWEST)
    .action(async (options: { readonly limit: number }, command: Command) => {
      await withAdmin(command.optsWithGlobals<CommonOptions>(), async (admin) => {
        const records = await admin.listAudit(options.limit);
        if (records.length === 0) remark("Nothing is on record yet.");
        printTable(
          records.map(({ at, event, account, address, detail }) => [
            new Date(at).toISOString(),
            event,
            account || "-",
            address || "-",
            detail,
          ]),
        );
      });
    })
    .addHelpText(
      "after",
      `
Time (UTC), event, account, remote address and details, newest first; "-": this machine, or nobody in particular. The
newest 100,000 records are kept. "reported": whom a user blocked for a reason (XEP-0377), with the ids of messages in the
archive of that user.

Examples:
  balcony audit
  balcony audit --limit 1000 | grep login-failed`,
    );
}

function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number.");
}
