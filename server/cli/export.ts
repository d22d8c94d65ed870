// balcony export: accounts for another server, as a file in the portable format (XEP-0227).

import type { Command } from "commander";
import type { Admin } from "../admin.ts";
import { Failure } from "./failure.ts";
import { print, remark } from "./output.ts";
import { type CommonOptions, withAdmin } from "./with-admin.ts";

type Options = CommonOptions & { readonly force?: boolean; readonly user?: readonly string[] };

const PAGE = 100;

/** Describes `balcony export`. */
export function defineExport(command: Command): void {
  command
    .argument("<file>", 'where it is written; "-": standard output')
    .option("-u, --user <name...>", "only these accounts")
    .option("-f, --force", "replace the file if it exists, once the new one is whole")
    .action(async (file: string, _: unknown, called: Command) => run(file, called.optsWithGlobals<Options>()))
    .addHelpText(
      "after",
      `
The file holds SCRAM credentials, rosters with waiting subscription requests, offline messages, vCards, private XML and
personal nodes (PEP). Whoever has it can try passwords, pretend to be this server, and read what waits for the users: its mode
is 600. Archives, block lists, rooms and uploads are not in it; what is left out is counted at the end. It is no backup:
see balcony backup.

It works while the server runs, and while it does not. What changes meanwhile is in it as it was when that account was read.

Examples:
  balcony export users.xml
  balcony export --user juliet romeo -- some.xml`,
    );
}

async function run(file: string, options: Options): Promise<void> {
  const { Tally } = await import("../portable/tally.ts");
  const { frame, serializeUser } = await import("../portable/write.ts");
  const notTaken = new Tally();
  const written = await withAdmin(options, async (admin, { domain }) => {
    const output = await openOutput(file, options.force === true);
    try {
      const { head, tail } = frame(domain);
      await output.write(head);
      let count = 0;
      for await (const name of options.user ?? everybody(admin)) {
        const { user, notTaken: kinds } = await admin.exportUser(name);
        for (const kind of kinds) notTaken.add(kind);
        await output.write(serializeUser(user, domain));
        count += 1;
      }
      await output.write(tail);
      await output.finish();
      return count;
    } catch (error) {
      await output.abandon();
      throw error;
    }
  });
  for (const { kind, count } of notTaken.entries) remark(`not in it: ${count} ${kind}`);
  const told = `${written} account${written === 1 ? "" : "s"} written to ${file === "-" ? "standard output" : file}.`;
  if (file === "-") remark(told);
  else print(told);
}

async function* everybody(admin: Admin): AsyncGenerator<string> {
  for (let after: string | undefined; ; ) {
    const page = await admin.listUsers(after === undefined ? { limit: PAGE } : { after, limit: PAGE });
    yield* page;
    after = page.at(-1);
    if (page.length < PAGE) return;
  }
}

interface Output {
  write(text: string): Promise<void>;
  /** It is whole: it gets its name. */
  finish(): Promise<void>;
  abandon(): Promise<void>;
}

async function openOutput(file: string, force: boolean): Promise<Output> {
  if (file === "-") {
    const write = async (text: string): Promise<void> => {
      if (!process.stdout.write(text)) await new Promise((resolve) => process.stdout.once("drain", resolve));
    };
    return { write, finish: async () => {}, abandon: async () => {} };
  }
  const { link, open, rename, rm, stat } = await import("node:fs/promises");
  const taken = (): Failure => new Failure(`${file} exists already; --force replaces it`);
  if (!force && (await stat(file).catch(() => undefined)) !== undefined) throw taken();
  const part = `${file}.${process.pid}.part`;
  const handle = await open(part, "wx", 0o600);
  return {
    async write(text) {
      await handle.writeFile(text);
    },
    async finish() {
      await handle.sync();
      await handle.close();
      if (force) return rename(part, file);
      await link(part, file).catch((error: NodeJS.ErrnoException) => {
        throw error.code === "EEXIST" ? taken() : error;
      });
      await rm(part);
    },
    async abandon() {
      await handle.close().catch(() => {});
      await rm(part, { force: true });
    },
  };
}
