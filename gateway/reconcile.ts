// After a crash. A user's roster and the gateway's relation are two records, and a step changes one after the other, so that
// one of them may know what the other does not. The roster has the user's last word, the relation the presentity's.

import { Jid } from "../server/jid.ts";
import { isPendingOut, isWatching, watches } from "../server/roster/subscription.ts";
import { presence } from "../server/stanza.ts";
import type { Relation } from "../storage/store.ts";
import type { CppSubscriptions } from "./cpp-subscriptions.ts";
import type { GatewayCore } from "./host.ts";
import type { Watchers } from "./watchers.ts";

const PAGE = 100;

type Parts = { readonly watchers: Watchers; readonly subscriptions: CppSubscriptions };

/** Takes the steps that one record knows of and the other does not. To be called before anybody can connect. */
export async function reconcile(core: GatewayCore, parts: Parts): Promise<void> {
  for (const domain of Object.keys(core.config.gateway.domains)) {
    for (let after = ""; ; ) {
      const page = await core.store.listPresentities(domain, { after, limit: PAGE });
      for (const { address } of page) {
        for (const relation of await core.store.listRelations(address)) await agree(core, parts, relation);
      }
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) break;
      after = last.address;
    }
  }
}

async function agree(core: GatewayCore, { watchers, subscriptions }: Parts, relation: Relation): Promise<void> {
  const [address, user] = [Jid.fromTrusted(relation.presentity), Jid.fromTrusted(relation.user)];
  const state = (await core.item(user, address))?.state ?? "none";
  const say = (type: "unsubscribe" | "unsubscribed") =>
    presence({ type, from: user.toString(), to: address.toString() });
  if (relation.watch !== null && !isWatching(state)) {
    if (!isPendingOut(state)) await watchers.unsubscribe(user, address, say("unsubscribe"));
    else if (watches(relation.state)) await watchers.decide(address, user, "active");
  }
  if (relation.subscription?.state === "active" && !watches(state)) {
    await subscriptions.refused(user, address, say("unsubscribed"));
  }
  if (relation.subscription?.state === "pending" && watches(state)) await subscriptions.approved(user, address);
}
