// One account with all it holds, as it is in the store.

import type { AccountHoldings, OfflineMessage, PubsubItem, PubsubNode, Store } from "../../storage/store.ts";
import type { Accounts } from "../accounts/accounts.ts";
import type { Jid } from "../jid.ts";
import type { ExportedUser } from "./user.ts";

const PAGE = 100;

/** Rejects with AccountError "not-found". */
export async function exportUser(
  { accounts, store }: { readonly accounts: Accounts; readonly store: Store },
  account: Jid,
): Promise<ExportedUser> {
  const owner = account.bareString;
  const name = account.localpart as string;
  const keys = await accounts.keysOf(name);
  const vcard = await store.profiles.vcard(owner);
  const holdings: AccountHoldings = {
    roster: (await store.roster.load(owner)).items,
    offline: await messages(store, owner),
    ...(vcard !== undefined && { vcard }),
    privateXml: await store.profiles.allPrivateXml(owner),
    nodes: await nodes(store, owner),
  };
  const notTaken = [
    ...(keys.length === 0 ? ["passwords that are a bcrypt hash, or were never set"] : []),
    ...((await store.archive.bounds(owner)) === undefined ? [] : ["message archives"]),
    ...((await store.blocking.list(owner)).length === 0 ? [] : ["block lists"]),
  ];
  const portableKeys = keys.map(([hash, { iterations, salt, storedKey, serverKey }]) => ({
    hash,
    iterations,
    salt: salt.toString("base64"),
    storedKey: storedKey.toString("base64"),
    serverKey: serverKey.toString("base64"),
  }));
  return { user: { name, keys: portableKeys, holdings }, notTaken };
}

async function messages({ offline }: Store, owner: string): Promise<Omit<OfflineMessage, "id">[]> {
  const all: Omit<OfflineMessage, "id">[] = [];
  for (let after = 0; ; ) {
    const page = await offline.load(owner, after, PAGE);
    for (const { xml, at, id } of page) {
      all.push({ xml, at });
      after = id;
    }
    if (page.length < PAGE) return all;
  }
}

async function nodes({ pubsub }: Store, owner: string): Promise<NonNullable<AccountHoldings["nodes"]>> {
  const found: PubsubNode[] = [];
  for (;;) {
    const after = found.at(-1)?.name;
    const page = await pubsub.nodes(owner, after === undefined ? { limit: PAGE } : { after, limit: PAGE });
    found.push(...page);
    if (page.length < PAGE) break;
  }
  return Promise.all(
    found.map(async ({ name, config, affiliations, subscriptions }) => {
      const items: PubsubItem[] = [];
      for (;;) {
        const after = items.at(-1)?.id;
        const query = { since: 0, backward: false, limit: PAGE, ...(after !== undefined && { afterId: after }) };
        const page = (await pubsub.items(owner, name, query)) ?? [];
        items.push(...page);
        if (page.length < PAGE) break;
      }
      return { name, config, affiliations, subscriptions, items };
    }),
  );
}
