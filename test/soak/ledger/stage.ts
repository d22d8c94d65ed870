// The server's accounts, tokens, presentities and friendships before a soak begins.

import { balcony } from "../../demo/programs.ts";
import { ScriptedClient } from "../../support/client.ts";
import { Foreign } from "../../support/foreign.ts";
import type { Keeper } from "./keeper.ts";
import type { World } from "./world.ts";

/** Accounts, and a token of the foreign domain. The server need not run. */
export async function furnish({ options }: World, env: Record<string, string>): Promise<string> {
  for (const user of options.users) await balcony(["user", "add", user], env, `${options.password}\n`);
  return balcony(["token", "add", `domain:${options.foreignDomain}`], env);
}

/** Presentities, and everybody sees everybody's presence. The server runs, and nothing is between. */
export async function introduce({ options }: World, keeper: Keeper, token: string): Promise<void> {
  const foreign = new Foreign(keeper.port("httpPort"), token);
  for (const presentity of options.presentities) {
    await foreign.presentity(`${presentity}@${options.foreignDomain}`, { subscriptions: "allow" });
  }
  const { domain, password } = options;
  const clients = await Promise.all(
    options.users.map((user) => ScriptedClient.login({ port: keeper.port("c2sPort"), domain, user, password })),
  );
  for (const [index, one] of clients.entries()) {
    for (const other of clients.slice(index + 1)) {
      await befriend(one, other);
      await befriend(other, one);
    }
  }
  for (const client of clients) await client.close();
}

// RFC 6121 section 3.1: a request, and its approval.
async function befriend(watcher: ScriptedClient, contact: ScriptedClient): Promise<void> {
  watcher.send(`<presence type='subscribe' to='${contact.bare}'/>`);
  await watcher.sync();
  contact.send(`<presence type='subscribed' to='${watcher.bare}'/>`);
  await contact.sync();
}
