// Who is told of an event at a node (XEP-0163 1.2.2 section 4; XEP-0060 1.30.0 section 9): the owner's own resources and
// those of contacts, as far as their clients are interested, and who subscribed explicitly.

import type { PubsubNode, RosterItem } from "../../storage/store.ts";
import { Jid } from "../jid.ts";
import type { Capabilities } from "../presence/caps.ts";
import { watches } from "../roster/subscription.ts";
import { type Core, isLocalUser } from "../router/routing.ts";
import type { Session } from "../session/session.ts";
import { type Asker, isNotified, mayRetrieve } from "./access.ts";
import { askerOf } from "./asker.ts";
import { type NodeConfig, parseConfig } from "./node-config.ts";

/** A group of recipients that filters decide on together: one account's, or an address elsewhere. */
export type Recipients = {
  readonly account: Jid;
  /** Each with the address that stands in `to`. */
  readonly sessions: readonly { readonly session: Session; readonly to: string }[];
  /** Addresses that are not of this server. */
  readonly elsewhere: readonly Jid[];
};

export type Found = {
  readonly recipients: readonly Recipients[];
  /** Explicit subscriptions whose subscribers may not retrieve items any more (XEP-0163 section 7.1). */
  readonly lapsed: readonly string[];
};

export async function findRecipients(core: Core, capabilities: Capabilities, node: PubsubNode): Promise<Found> {
  const roster = await rosterOf(core, node.owner);
  const accounts = [
    node.owner,
    ...[...roster.values()].filter(({ state }) => watches(state)).map(({ contact }) => contact),
  ];
  await capabilities.recall(accounts.flatMap((account) => [...core.sessions.of(account)]));
  const search = new Search(core, capabilities, node, roster);
  for (const account of accounts) search.addInterested(account);
  for (const { jid, state } of node.subscriptions) if (state === "subscribed") search.addSubscriber(jid);
  return search.found();
}

async function rosterOf(core: Core, owner: string): Promise<ReadonlyMap<string, RosterItem>> {
  const loaded = core.rosters.peek(owner);
  if (loaded !== undefined) return loaded;
  const { items } = await core.store.roster.load(owner);
  return new Map(items.map((item) => [item.contact, item]));
}

class Search {
  readonly #core: Core;
  readonly #capabilities: Capabilities;
  readonly #node: PubsubNode;
  readonly #config: NodeConfig;
  readonly #roster: ReadonlyMap<string, RosterItem>;
  readonly #groups = new Map<string, { account: Jid; sessions: Map<Session, string>; elsewhere: Jid[] }>();
  readonly #lapsed: string[] = [];

  constructor(core: Core, capabilities: Capabilities, node: PubsubNode, roster: ReadonlyMap<string, RosterItem>) {
    this.#core = core;
    this.#capabilities = capabilities;
    this.#node = node;
    this.#config = parseConfig(node.config);
    this.#roster = roster;
  }

  /** By presence: the owner or a contact, at each resource that wants this node's notifications. */
  addInterested(account: string): void {
    let allowed: boolean | undefined;
    for (const session of this.#core.sessions.of(account)) {
      if (!session.available || !this.#capabilities.interests(session).has(this.#node.name)) continue;
      allowed ??= isNotified(this.#config, this.#asker(session.jid.bare()));
      if (!allowed) return;
      this.#add(session, session.jid.toString());
    }
  }

  /** XEP-0163 section 4.3.2: a full JID gets one notification, a bare one those of its interested resources, if any. */
  addSubscriber(jid: string): void {
    const subscriber = Jid.fromTrusted(jid);
    if (mayRetrieve(this.#config, this.#asker(subscriber)) !== "allowed") {
      this.#lapsed.push(jid);
      return;
    }
    if (!isLocalUser(this.#core, subscriber)) this.#group(subscriber.bare()).elsewhere.push(subscriber);
    else if (subscriber.isBare) this.#addBare(subscriber);
    else {
      const session = this.#core.sessions.get(subscriber);
      if (session?.available) this.#add(session, jid);
    }
  }

  #addBare(subscriber: Jid): void {
    const resources = this.#core.sessions.available(subscriber.bareString);
    const interested = resources.filter((session) => this.#capabilities.interests(session).has(this.#node.name));
    for (const session of interested) this.#add(session, session.jid.toString());
    if (interested.length > 0) return;
    for (const session of resources) if (session.priority >= 0) this.#add(session, subscriber.bareString);
  }

  found(): Found {
    const recipients = [...this.#groups.values()].map(({ account, sessions, elsewhere }) => ({
      account,
      sessions: [...sessions].map(([session, to]) => ({ session, to })),
      elsewhere,
    }));
    return { recipients, lapsed: this.#lapsed };
  }

  #asker(jid: Jid): Asker {
    return askerOf(this.#node, jid, this.#roster.get(jid.bareString));
  }

  // Nobody gets it twice (XEP-0060 section 6.1.6).
  #add(session: Session, to: string): void {
    const { sessions } = this.#group(session.jid.bare());
    if (!sessions.has(session)) sessions.set(session, to);
  }

  #group(account: Jid) {
    const key = account.bareString;
    const group = this.#groups.get(key) ?? { account, sessions: new Map<Session, string>(), elsewhere: [] };
    this.#groups.set(key, group);
    return group;
  }
}
