// balcony user: the accounts of the domain.

import { open } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { Command } from "commander";
import { Jid } from "../jid.ts";
import { Failure } from "./failure.ts";
import { print, remark } from "./output.ts";
import { readNewPassword, refusePasswordArguments } from "./password.ts";
import { type CommonOptions, withAdmin } from "./with-admin.ts";

const PAGE = 100;
const NAME = "its name (juliet) or address (juliet@example.org)";

/** Adds the subcommands of `balcony user`. */
export function defineUser(user: Command): void {
  refusePasswordArguments(user.command("add"))
    .description("create an account; asks for its password, or reads it from standard input")
    .argument("<name>", NAME)
    .action(async (name: string, _: unknown, command: Command) => {
      const password = await readNewPassword(name);
      await withAdmin(command.optsWithGlobals<CommonOptions>(), async (admin, config) => {
        await admin.addUser(name, password);
        remark(`Created ${await address(name, config.domain)}.`);
      });
    });

  refusePasswordArguments(user.command("passwd"))
    .description("set another password; asks for it, or reads it from standard input")
    .argument("<name>", NAME)
    .action(async (name: string, _: unknown, command: Command) => {
      const password = await readNewPassword(name);
      await withAdmin(command.optsWithGlobals<CommonOptions>(), async (admin, config) => {
        await admin.setPassword(name, password);
        remark(`${await address(name, config.domain)} has a new password.`);
      });
    });

  user
    .command("list")
    .description("print the address of every account, one a line")
    .action(async (_: unknown, command: Command) => {
      await withAdmin(command.optsWithGlobals<CommonOptions>(), async (admin) => {
        let page = await admin.listUsers({ limit: PAGE });
        if (page.length === 0) remark("There are no accounts yet.");
        for (;;) {
          for (const jid of page) print(jid);
          const after = page.at(-1);
          if (after === undefined || page.length < PAGE) return;
          page = await admin.listUsers({ after, limit: PAGE });
        }
      });
    });

  user
    .command("delete")
    .description("end its sessions, tell its contacts, erase all that it stored")
    .argument("<name>", NAME)
    .action(async (name: string, _: unknown, command: Command) => {
      await withAdmin(command.optsWithGlobals<CommonOptions>(), async (admin, config) => {
        await admin.deleteUser(name);
        remark(`Deleted ${await address(name, config.domain)}.`);
      });
    });

  user
    .command("import")
    .description("create accounts from bcrypt hashes ($2a$, $2b$, $2y$) of another application")
    .argument("[file]", "lines of NAME:HASH, as htpasswd -B writes them; standard input if left out")
    .action(async (file: string | undefined, _: unknown, command: Command) => {
      await withAdmin(command.optsWithGlobals<CommonOptions>(), (admin) =>
        importLines(file, (name, hash) => admin.importUser(name, hash)),
      );
    });

  user.addHelpText(
    "after",
    `
A password is never taken from the command line. While the server runs, commands act through it.

Examples:
  balcony user add juliet
  printf '%s\\n' "$PASSWORD" | balcony user add juliet
  balcony user passwd juliet@example.org
  balcony user import users.htpasswd`,
  );
}

async function importLines(
  file: string | undefined,
  take: (name: string, hash: string) => Promise<void>,
): Promise<void> {
  let [line, taken, refused] = [0, 0, 0];
  for await (const text of await linesOf(file)) {
    line += 1;
    if (text.trim() === "" || text.startsWith("#")) continue;
    const colon = text.indexOf(":");
    try {
      if (colon < 1) throw new Failure("this is not NAME:HASH");
      await take(text.slice(0, colon), text.slice(colon + 1).trim());
      taken += 1;
    } catch (error) {
      refused += 1;
      remark(`line ${line}: ${(error as Error).message}`);
    }
  }
  remark(`${taken} imported.`);
  if (refused > 0)
    throw new Failure(`${refused} of ${taken + refused} lines were not taken; correct them and import them alone`);
}

async function linesOf(file: string | undefined): Promise<AsyncIterable<string>> {
  if (file !== undefined) return (await open(file)).readLines();
  if (process.stdin.isTTY) remark("Lines of NAME:HASH, then Ctrl-D:");
  return createInterface({ input: process.stdin });
}

// As it was prepared: "Juliet" makes juliet@example.org.
async function address(name: string, domain: string): Promise<string> {
  const parsed = Jid.parse(name.includes("@") ? name : `${name}@${domain}`);
  return parsed.ok ? parsed.value.bareString : name;
}
