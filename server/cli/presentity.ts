// balcony presentity: the foreign entities that the gateway stands for.

import type { Command } from "commander";
import type { PresentitySettings } from "../admin.ts";
import { printTable, remark } from "./output.ts";
import { type CommonOptions, withAdmin } from "./with-admin.ts";

type AddOptions = CommonOptions & {
  readonly name?: string;
  readonly policy?: "confirm" | "allow" | "deny";
  readonly allowFrom?: readonly string[];
};

/** Adds the subcommands of `balcony presentity`. */
export function definePresentity(presentity: Command): void {
  const add = presentity.command("add");
  add
    .description("register a presentity; one that exists takes over the settings given")
    .argument("<address>", "romeo@example.net; its domain must be one of gateway.domains")
    .option("--name <text>", "its formal name, as its messages carry it")
    .addOption(
      add
        .createOption(
          "--policy <policy>",
          "what becomes of a request to watch it: it is asked, or all are let in or refused",
        )
        .choices(["confirm", "allow", "deny"]),
    )
    .option("--allow-from <who...>", "domains and addresses that may watch or write to it; all if left out")
    .action(async (address: string, options: AddOptions, command: Command) => {
      await withAdmin(command.optsWithGlobals<CommonOptions>(), async (admin) => {
        const done = await admin.addPresentity(address, settings(options));
        remark(`${done === "created" ? "Created" : "Changed"} ${address}.`);
      });
    });

  presentity
    .command("list")
    .description("print address, policy, who may reach it, and formal name of every presentity")
    .option("--domain <domain>", "only those of this foreign domain")
    .action(async (options: { readonly domain?: string }, command: Command) => {
      await withAdmin(command.optsWithGlobals<CommonOptions>(), async (admin) => {
        const found = await admin.listPresentities(options.domain);
        if (found.length === 0) remark("There are no presentities yet.");
        printTable(found.map((one) => [one.address, one.policy, one.allowFrom.join(",") || "all", one.formalName]));
      });
    });

  presentity
    .command("delete")
    .description("tell its watchers that it is gone, and erase it with its tokens")
    .argument("<address>", "romeo@example.net")
    .action(async (address: string, _: unknown, command: Command) => {
      await withAdmin(command.optsWithGlobals<CommonOptions>(), async (admin) => {
        await admin.deletePresentity(address);
        remark(`Deleted ${address}.`);
      });
    });

  presentity.addHelpText(
    "after",
    `
Examples:
  balcony presentity add romeo@example.net --name "Romeo Montague"
  balcony presentity add bot@example.net --policy allow --allow-from example.org juliet@example.com
  balcony presentity list --domain example.net`,
  );
}

function settings({ name, policy, allowFrom }: AddOptions): PresentitySettings {
  return {
    ...(name !== undefined && { formalName: name }),
    ...(policy !== undefined && { policy }),
    ...(allowFrom !== undefined && {
      allowFrom: allowFrom.flatMap((one) => one.split(",")).filter((one) => one !== ""),
    }),
  };
}
