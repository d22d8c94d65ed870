// Sends event notifications (XEP-0163 1.2.2 section 4): of what happens at a node, and the last items to who has become
// interested. They are not archived, not kept for who is away, and not repeated.

import type { PubsubItem, PubsubNode } from "../../storage/store.ts";
import { Jid } from "../jid.ts";
import type { Capabilities } from "../presence/caps.ts";
import { isWatching } from "../roster/subscription.ts";
import { judge, type Verdict } from "../router/hooks.ts";
import { type Core, isLocalUser } from "../router/routing.ts";
import type { Session } from "../session/session.ts";
import { type Asker, isNotified, mayRetrieve } from "./access.ts";
import { findAsker } from "./asker.ts";
import { eventMessage, type PubsubEvent, SharedMessage } from "./events.ts";
import { type NodeConfig, parseConfig } from "./node-config.ts";
import { findRecipients, type Recipients } from "./recipients.ts";

/** Accounts whose nodes are looked up in one step. */
const OWNERS_PER_STEP = 50;

type LastItem = { readonly node: PubsubNode; readonly item: PubsubItem };

/** Last items on their way: what has changed meanwhile must not be sent behind the news of it. */
type Delivery = { readonly outdated: Set<string> };

export class Notifier {
  readonly #core: Core;
  readonly #capabilities: Capabilities;
  readonly #deliveries = new Set<Delivery>();

  constructor(core: Core, capabilities: Capabilities) {
    this.#core = core;
    this.#capabilities = capabilities;
  }

  /** Call it in the turn in which a node's items have changed. */
  changed(owner: string, node: string): void {
    for (const { outdated } of this.#deliveries) outdated.add(keyOf(owner, node));
  }

  /**
   * @param node as it was when it happened
   * @returns explicit subscriptions that have lapsed
   */
  async notify(node: PubsubNode, event: PubsubEvent): Promise<readonly string[]> {
    const config = parseConfig(node.config);
    if (!config.deliverNotifications) return [];
    const { recipients, lapsed } = await findRecipients(this.#core, this.#capabilities, node);
    if (recipients.length === 0) return lapsed;
    const message = new SharedMessage(eventMessage(node.owner, node.name, event, config));
    const owner = Jid.fromTrusted(node.owner);
    for (const group of recipients) {
      const verdict = this.#judge(message, owner, group.account);
      if ((verdict instanceof Promise ? await verdict : verdict) === "pass") this.#send(message, owner, group);
    }
    return lapsed;
  }

  /**
   * The last items of all nodes that a resource is interested in: its own account's and its contacts'.
   * @param names of nodes; those that it was not interested in before
   */
  async greet(session: Session, names: ReadonlySet<string>): Promise<void> {
    const own = session.jid.bareString;
    const roster = this.#core.rosters.peek(own);
    const contacts = [...(roster?.values() ?? [])]
      .filter(({ state }) => isWatching(state))
      .map(({ contact }) => contact);
    const owners = [own, ...contacts.filter((contact) => isLocalUser(this.#core, Jid.fromTrusted(contact)))];
    await this.#sendLast(
      session,
      owners,
      names,
      (config, asker) => config.sendLastPublishedItem === "on_sub_and_presence" && isNotified(config, asker),
    );
  }

  /** The last items of one account's nodes, for somebody who has begun to see its presence. */
  async subscribed(user: Jid, contact: Jid): Promise<void> {
    const sessions = this.#core.sessions.available(user.bareString);
    for (const session of sessions) {
      const names = this.#capabilities.interests(session);
      await this.#sendLast(
        session,
        [contact.bareString],
        names,
        (config, asker) => config.sendLastPublishedItem !== "never" && isNotified(config, asker),
      );
    }
  }

  /** The last item of one node, for a resource that subscribed to it (XEP-0060 section 6.1.7). */
  async welcome(session: Session, owner: string, name: string): Promise<void> {
    await this.#sendLast(
      session,
      [owner],
      new Set([name]),
      (config, asker) => config.sendLastPublishedItem !== "never" && mayRetrieve(config, asker) === "allowed",
    );
  }

  /** @param when of which nodes */
  async #sendLast(
    session: Session,
    owners: readonly string[],
    names: ReadonlySet<string>,
    when: (config: NodeConfig, asker: Asker) => boolean,
  ): Promise<void> {
    if (names.size === 0) return;
    const delivery: Delivery = { outdated: new Set() };
    this.#deliveries.add(delivery);
    try {
      for (let begin = 0; begin < owners.length; begin += OWNERS_PER_STEP) {
        const found = await this.#core.store.pubsub.lastItems(owners.slice(begin, begin + OWNERS_PER_STEP), names);
        await this.#sendAll(session, found, when, delivery);
      }
    } finally {
      this.#deliveries.delete(delivery);
    }
  }

  // No faster than the client takes them: contacts could fill its outbox.
  async #sendAll(
    session: Session,
    found: readonly LastItem[],
    when: (config: NodeConfig, asker: Asker) => boolean,
    delivery: Delivery,
  ): Promise<void> {
    let room = this.#core.limits.outboxBytes / 4;
    for (const { node, item } of found) {
      const config = parseConfig(node.config);
      if (!config.deliverNotifications || isExpired(item, config, this.#core.clock.now())) continue;
      if (!when(config, await findAsker(this.#core.rosters, node, session.jid))) continue;
      const message = new SharedMessage(eventMessage(node.owner, node.name, { kind: "items", item }, config, item.at));
      const owner = Jid.fromTrusted(node.owner);
      if ((await this.#judge(message, owner, session.jid.bare())) !== "pass") continue;
      if (room <= 0) {
        await session.drained();
        room = this.#core.limits.outboxBytes / 4;
      }
      if (this.#core.sessions.get(session.jid) !== session || !session.available) return;
      if (delivery.outdated.has(keyOf(node.owner, node.name))) continue;
      const text = message.textFor(session.jid.toString());
      room -= text.length;
      session.sendMessage(text, message.element, false);
    }
  }

  // XEP-0163 section 4.3.3: nobody is told who is blocked, or who has blocked.
  #judge(message: SharedMessage, from: Jid, to: Jid): Verdict | Promise<Verdict> {
    const { hooks } = this.#core;
    if (from.equals(to) || (hooks.outbound.length === 0 && hooks.inbound.length === 0)) return "pass";
    const stanza = message.elementFor(to.toString());
    const inbound = (said: Verdict): Verdict | Promise<Verdict> =>
      said === "pass" && isLocalUser(this.#core, to) ? judge(hooks.inbound, stanza, from, to) : said;
    const outbound = judge(hooks.outbound, stanza, from, to);
    return outbound instanceof Promise ? outbound.then(inbound) : inbound(outbound);
  }

  #send(message: SharedMessage, from: Jid, { sessions, elsewhere }: Recipients): void {
    for (const { session, to } of sessions) session.sendMessage(message.textFor(to), message.element, false);
    for (const to of elsewhere) {
      const outcome = this.#core.route(message.elementFor(to.toString()), from);
      if (outcome instanceof Promise)
        outcome.catch((err: unknown) => this.#core.log.error({ err }, "notification-failed"));
    }
  }
}

export function isExpired({ at }: PubsubItem, { itemExpire }: NodeConfig, now: number): boolean {
  return itemExpire !== "max" && at < now - itemExpire * 1_000;
}

function keyOf(owner: string, node: string): string {
  return `${owner} ${node}`;
}
