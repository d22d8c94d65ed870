// Subscription stanzas of local users (RFC 6121 section 3): the pure machine, the store, and what follows from both.

import type { Element } from "ltx";
import { type RosterChange, type RosterItem, StoreLimitError } from "../../storage/store.ts";
import { stanzaError } from "../errors.ts";
import { Jid } from "../jid.ts";
import type { Presence } from "../presence/presence.ts";
import type { Core, RouteOutcome } from "../router/routing.ts";
import { isLocalUser } from "../router/routing.ts";
import { presence, type SubscriptionType } from "../stanza.ts";
import { Turns } from "../turns.ts";
import { serialize, withAttrs } from "../xml/serialize.ts";
import { pushItem } from "./push.ts";
import { emptyItem, keepIfUsed } from "./rosters.ts";
import { isPendingIn, isPendingOut, isWatching, type Transition, transition, watches } from "./subscription.ts";

type Step = RosterChange & { readonly effects: Transition };

export class Subscriptions {
  readonly #core: Core;
  readonly #presence: Presence;
  readonly #turns = new Turns();

  constructor(core: Core, presence: Presence) {
    this.#core = core;
    this.#presence = presence;
  }

  /**
   * A subscription stanza that a local user sends. Source: RFC 6121 sections 3.1.2, 3.1.5, 3.2.2, 3.3.2, 3.4.2.
   * @param user bare JID
   * @param contact bare JID, whatever resourcepart the client wrote
   */
  async outbound(user: Jid, contact: Jid, type: SubscriptionType, stanza: Element): Promise<RouteOutcome> {
    if (user.equals(contact)) return undefined; // one's own presence needs no subscription (section 4.2.2)
    const asks = type === "subscribe" || type === "subscribed";
    if (asks && !this.#reachable(contact)) return stanzaError("remote-server-not-found");
    return this.#inTurn(user, contact, () => this.#outbound(user, contact, type, stanza));
  }

  async #outbound(user: Jid, contact: Jid, type: SubscriptionType, stanza: Element): Promise<RouteOutcome> {
    const owner = user.bareString;
    const local = isLocalUser(this.#core, contact);
    const { effects, before, after, version } = await this.#step(user, contact, "outbound", type, "", (step) => {
      // Section 3.1.2 routes before the roster push. Between two users of this server nobody can see which came first, and
      // so the pushes of an account keep the order of its changes (section 2.6.3).
      if (local && step.effects.push) this.#push(owner, contact, step);
    });
    // Section 3.2.2: unavailable presence goes out before the cancellation does.
    if (effects.presence === "unavailable") this.#presence.sendUnavailable(user, contact);
    let refused: RouteOutcome;
    if (effects.route) {
      const stamped = withAttrs(stanza, { from: user.toString(), to: contact.toString() });
      refused = await this.#forward(stamped, user, contact, type);
    }
    if (refused !== undefined && type === "subscribe" && effects.push) {
      // Section 3.1.2: a request that could not be routed leaves no trace but the error.
      await this.#withdraw(user, contact, before);
      return refused;
    }
    // Where an answer has changed the item already, its push was the newer one.
    const overtaken = this.#core.rosters.peek(owner)?.get(contact.bareString) !== after;
    if (!local && effects.push && !overtaken) this.#push(owner, contact, { after, version });
    if (effects.presence === "current") this.#presence.sendCurrent(user, contact);
    return refused; // also of an unsubscribe: RFC 3922 section 6.4.3
  }

  /**
   * A subscription stanza that reaches a local user. Source: RFC 6121 sections 3.1.3, 3.1.6, 3.2.3, 3.3.3.
   * Nothing is ever told about an account that does not exist (section 8.5.1).
   */
  inbound(user: Jid, contact: Jid, type: SubscriptionType, stanza: Element): Promise<RouteOutcome> {
    return this.#inTurn(user, contact, () => this.#inbound(user, contact, type, stanza));
  }

  async #inbound(user: Jid, contact: Jid, type: SubscriptionType, stanza: Element): Promise<RouteOutcome> {
    const owner = user.bareString;
    if (!this.#core.sessions.has(owner) && !(await this.#core.accountExists(user.localpart as string)))
      return undefined;
    // XEP-0191 section 3.3: nothing reaches the user, and nothing is answered. That something is over is noted all the same.
    const blocked = await this.#core.blocking.blocks(user, contact);
    if (blocked && (type === "subscribe" || type === "subscribed")) return undefined;
    const addressed = withAttrs(stanza, { from: contact.toString(), to: owner });
    const xml = type === "subscribe" ? serialize(addressed) : "";
    // A request goes to available resources (section 3.1.3), the rest to interested ones (sections 3.1.6, 3.2.3, 3.3.3).
    // With the commit, so that a resource that becomes available meanwhile finds it waiting or gets it here, not both.
    const deliver = (): void => {
      for (const session of this.#core.sessions.of(owner)) {
        if (type === "subscribe" ? session.available : session.interested || session.available) session.send(addressed);
      }
    };
    let effects: Transition;
    try {
      ({ effects } = await this.#step(user, contact, "inbound", type, xml, (step) => {
        if (step.effects.deliver && !blocked) deliver();
        if (step.effects.push) this.#push(owner, contact, step);
      }));
    } catch (error) {
      if (!(error instanceof StoreLimitError)) throw error;
      // To say that no more can wait would say that the account exists (RFC 6120 section 13.11).
      this.#core.log.warn({ owner, limit: `limits.${error.limit}` }, "subscription-request-dropped");
      return undefined;
    }
    if (effects.reply !== undefined && !blocked) {
      const reply = presence({ type: effects.reply, from: owner, to: contact.toString() });
      await this.#forward(reply, user, contact, effects.reply);
    }
    if (effects.presence === "current") this.#presence.sendCurrent(user, contact);
    if (effects.presence === "unavailable") this.#presence.sendUnavailable(user, contact);
    return undefined;
  }

  /**
   * A probe of a local user was refused: what that user believes to have is cancelled, if it is still nothing.
   * Source: RFC 6121 section 4.3.2, rule 1.
   */
  probeRefused(user: Jid, contact: Jid, refusal: Element): Promise<RouteOutcome> {
    return this.#inTurn(user, contact, async () => {
      const item = await this.#core.rosters.item(contact.bareString, user.bareString);
      if (item !== undefined && watches(item.state)) return undefined; // approved meanwhile
      return this.#inbound(user, contact, "unsubscribed", refusal);
    });
  }

  /** Takes a contact off the roster, with what that means for both subscriptions. Source: RFC 6121 section 2.5.2. */
  remove(user: Jid, contact: Jid): Promise<RouteOutcome> {
    return this.#inTurn(user, contact, () => this.#remove(user, contact));
  }

  async #remove(user: Jid, contact: Jid): Promise<RouteOutcome> {
    const owner = user.bareString;
    const change = (item: RosterItem | undefined): RosterItem | undefined => {
      if (!item?.inRoster) return item;
      // A request that waits for an answer is not part of the roster, and stays.
      return isPendingIn(item.state)
        ? { ...emptyItem(item.contact), state: "none+in", pendingSubscribe: item.pendingSubscribe }
        : undefined;
    };
    const { before } = await this.#core.rosters.update(owner, contact.bareString, change, (committed) => {
      if (committed.before?.inRoster) this.#push(owner, contact, committed);
    });
    if (!before?.inRoster) return stanzaError("item-not-found");
    if (watches(before.state)) {
      this.#presence.sendUnavailable(user, contact);
      await this.#forward(
        presence({ type: "unsubscribed", from: owner, to: contact.toString() }),
        user,
        contact,
        "unsubscribed",
      );
    }
    if (isWatching(before.state) || isPendingOut(before.state)) {
      await this.#forward(
        presence({ type: "unsubscribe", from: owner, to: contact.toString() }),
        user,
        contact,
        "unsubscribe",
      );
    }
    return undefined;
  }

  /** Ends every subscription of an account that is being deleted, as if its owner had emptied the roster. */
  async removeAll(user: Jid): Promise<void> {
    const { items } = await this.#core.store.roster.load(user.bareString);
    for (const item of items) {
      const contact = Jid.fromTrusted(item.contact);
      if (item.inRoster) await this.remove(user, contact);
      if (isPendingIn(item.state)) {
        const refusal = presence({ type: "unsubscribed", from: user.bareString, to: item.contact });
        await this.outbound(user, contact, "unsubscribed", refusal);
      }
    }
  }

  async #withdraw(user: Jid, contact: Jid, before: RosterItem | undefined): Promise<void> {
    await this.#core.rosters.update(user.bareString, contact.bareString, (item) => {
      if (item === undefined) return item;
      const { state } = transition(item, { direction: "outbound", type: "unsubscribe" });
      return keepIfUsed({ ...item, state, inRoster: before?.inRoster ?? false });
    });
  }

  async #step(
    user: Jid,
    contact: Jid,
    direction: "outbound" | "inbound",
    type: SubscriptionType,
    pendingXml: string,
    onCommit: (step: Step) => void,
  ): Promise<Step> {
    let effects: Transition | undefined;
    const change = (item: RosterItem | undefined): RosterItem | undefined => {
      const before = item ?? emptyItem(contact.bareString);
      const next = transition(before, { direction, type });
      effects = next;
      const pending = isPendingIn(next.state) ? (isPendingIn(before.state) ? before.pendingSubscribe : pendingXml) : "";
      const inRoster =
        before.inRoster || (next.push && direction === "outbound" && (type === "subscribe" || type === "subscribed"));
      if (
        next.state === before.state &&
        next.approved === before.approved &&
        pending === before.pendingSubscribe &&
        inRoster === before.inRoster
      ) {
        return item;
      }
      return keepIfUsed({ ...before, state: next.state, approved: next.approved, pendingSubscribe: pending, inRoster });
    };
    const committed = await this.#core.rosters.update(user.bareString, contact.bareString, change, (done) =>
      onCommit({ ...done, effects: effects as Transition }),
    );
    return { ...committed, effects: effects as Transition };
  }

  #push(owner: string, contact: Jid, { after, version }: Pick<RosterChange, "after" | "version">): void {
    pushItem(this.#core.sessions, owner, contact.bareString, after, version);
  }

  // Between two users of this server one change is carried out on both sides before the next begins: their streams, and
  // the automatic replies, would otherwise cross, and leave one side with a subscription of which the other knows nothing.
  #inTurn<T>(user: Jid, contact: Jid, work: () => Promise<T>): Promise<T> {
    if (!isLocalUser(this.#core, contact)) return work();
    return this.#turns.run([user.bareString, contact.bareString].sort().join(" "), work);
  }

  #reachable(contact: Jid): boolean {
    return (
      contact.domainpart === this.#core.domain.domainpart || this.#core.component(contact.domainpart) !== undefined
    );
  }

  // The stanza is from `user` and bare already; to a local contact it is inbound at once.
  async #forward(stanza: Element, user: Jid, contact: Jid, type: SubscriptionType): Promise<RouteOutcome> {
    if (isLocalUser(this.#core, contact)) return this.#inbound(contact, user, type, stanza);
    return this.#core.component(contact.domainpart)?.handle(stanza, user, contact);
  }
}
