// balcony token: the bearer tokens of the HTTP binding.

import type { Command } from "commander";
import { print, printTable, remark } from "./output.ts";
import { type CommonOptions, withAdmin } from "./with-admin.ts";

/** Adds the subcommands of `balcony token`. */
export function defineToken(token: Command): void {
  token
    .command("add")
    .description("make a token and print it: this once, only its hash is kept")
    .argument("<scope>", "domain:example.net, or presentity:romeo@example.net")
    .action(async (scope: string, _: unknown, command: Command) => {
      await withAdmin(command.optsWithGlobals<CommonOptions>(), async (admin) => {
        const made = await admin.addToken(scope);
        remark(`Token ${made.id} for ${scope}; it is not shown again:`);
        print(made.token);
      });
    });

  token
    .command("list")
    .description("print id, scope and day of every token")
    .action(async (_: unknown, command: Command) => {
      await withAdmin(command.optsWithGlobals<CommonOptions>(), async (admin) => {
        const tokens = await admin.listTokens();
        if (tokens.length === 0) remark("There are no tokens yet.");
        printTable(
          tokens.map(({ id, scope, createdAt }) => [id, scope, new Date(createdAt).toISOString().slice(0, 10)]),
        );
      });
    });

  token
    .command("revoke")
    .description("make a token worthless, at once")
    .argument("<id>", 'as "token list" shows it')
    .action(async (id: string, _: unknown, command: Command) => {
      await withAdmin(command.optsWithGlobals<CommonOptions>(), async (admin) => {
        await admin.revokeToken(id);
        remark(`Revoked ${id}.`);
      });
    });

  token.addHelpText(
    "after",
    `
The token goes to standard output and the rest to standard error.

Examples:
  balcony token add domain:example.net
  TOKEN=$(balcony token add presentity:romeo@example.net)
  curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5280/cpim/v1/presentities/romeo%40example.net/watchers`,
  );
}
