// XMPP users who watch presentities (RFC 3922 sections 6.1, 6.3, 6.4): the first table of
// test/gateway/rfc3922-6-states.test.ts.

import type { Element } from "ltx";
import { stanzaError } from "../server/errors.ts";
import { Jid } from "../server/jid.ts";
import { isPendingIn, isPendingOut, isWatching, watches } from "../server/roster/subscription.ts";
import { attr, presence } from "../server/stanza.ts";
import type { Relation } from "../storage/store.ts";
import type { Failure, WatcherInfo } from "./bindings/binding.ts";
import { cpimFailure, type GatewayCore, isFailure } from "./host.ts";
import { mayReach } from "./presentities.ts";
import type { Publications } from "./publications.ts";
import { change, step } from "./relations.ts";
import { freshId, transIdFrom } from "./trans-id.ts";

type Done = { readonly kind: "done" };
const DONE: Done = { kind: "done" };

export class Watchers {
  readonly #core: GatewayCore;
  readonly #publications: Publications;

  constructor(core: GatewayCore, publications: Publications) {
    this.#core = core;
    this.#publications = publications;
  }

  // ---- what the XMPP user sends

  /** Presence of type subscribe. Errors: item-not-found, forbidden, conflict. Source: RFC 3922 section 6.1. */
  subscribe(user: Jid, address: Jid, stanza: Element): Promise<Failure | undefined> {
    return this.#inTurn(address, () => this.#subscribe(user, address, stanza));
  }

  async #subscribe(user: Jid, address: Jid, stanza: Element): Promise<Failure | undefined> {
    const presentity = await this.#core.presentity(address);
    if (isFailure(presentity)) return presentity;
    if (presentity.policy === "deny" || !mayReach(presentity, user)) return stanzaError("forbidden");
    // Overtaken by a denial of an earlier request, or by an unsubscribe of another resource: nobody is asking any more.
    const asker = (await this.#core.item(user, address))?.state ?? "none";
    if (!isPendingOut(asker) && !isWatching(asker)) return undefined;
    const transId = transIdFrom(attr(stanza, "id"));
    const outcome = await change<"exists" | "pending" | "approved">(this.#core, address, user, (relation) => {
      if (relation.watch !== null) return { next: relation, outcome: "exists" };
      const watch = { transId, subscriptId: freshId(), since: this.#core.clock.now() };
      const asked = step(relation, "inbound", "subscribe");
      if (presentity.policy === "allow" || asked.effects.reply === "subscribed") {
        const granted = isPendingIn(asked.relation.state)
          ? step(asked.relation, "outbound", "subscribed").relation
          : asked.relation;
        return { next: { ...granted, watch }, outcome: "approved" };
      }
      return {
        next: { ...asked.relation, watch },
        operations: [{ kind: "subscribe", transId, watcher: user, target: address }],
        outcome: "pending",
      };
    });
    if (outcome === "exists") return this.#again(user, address);
    if (outcome === "approved") await this.#tellApproved(user, address, transId);
    return undefined;
  }

  // A second request is a conflict (RFC 3922 section 6.1.3) unless the user's roster never heard of the approval: then a
  // crash came between the two, and the approval is told again.
  async #again(user: Jid, address: Jid): Promise<Failure | undefined> {
    const relation = await this.#core.store.getRelation(address.bareString, user.bareString);
    const item = await this.#core.item(user, address);
    if (relation === undefined || !watches(relation.state) || (item !== undefined && isWatching(item.state))) {
      return stanzaError("conflict", "a subscription exists or is in progress");
    }
    await this.#tellApproved(user, address, relation.watch?.transId);
    return undefined;
  }

  /** Presence of type unsubscribe. Errors: item-not-found. Source: RFC 3922 section 6.4. */
  unsubscribe(user: Jid, address: Jid, stanza: Element): Promise<Failure | undefined> {
    return this.#inTurn(address, () => this.#unsubscribe(user, address, stanza));
  }

  async #unsubscribe(user: Jid, address: Jid, stanza: Element): Promise<Failure | undefined> {
    const presentity = await this.#core.presentity(address);
    if (isFailure(presentity)) return presentity;
    await change(this.#core, address, user, (relation) => {
      if (relation.watch === null) return { next: relation, outcome: undefined };
      // The answer that RFC 6121 section 3.3.3 allows is left out: the user's side is at "none" already.
      const { relation: next } = step(relation, "inbound", "unsubscribe");
      const transId = transIdFrom(attr(stanza, "id"));
      return {
        next: { ...next, watch: null },
        operations: [{ kind: "unsubscribe", transId, watcher: user, target: address }],
        outcome: undefined,
      };
    });
    return undefined;
  }

  /**
   * A probe by a client: a fetch (JC-47), answered from what is published if the user may see it.
   * Errors: item-not-found, forbidden, service-unavailable.
   */
  fetch(user: Jid, address: Jid, stanza: Element): Promise<Failure | undefined> {
    return this.#inTurn(address, () => this.#fetch(user, address, stanza));
  }

  async #fetch(user: Jid, address: Jid, stanza: Element): Promise<Failure | undefined> {
    const presentity = await this.#core.presentity(address);
    if (isFailure(presentity)) return presentity;
    const relation = await this.#core.store.getRelation(address.bareString, user.bareString);
    const authorised = relation !== undefined && watches(relation.state);
    if (!authorised && (presentity.policy === "deny" || !mayReach(presentity, user))) return stanzaError("forbidden");
    if (!authorised && presentity.policy !== "allow") return cpimFailure();
    await this.#publications.sendAll(address, user, attr(stanza, "id"));
    return undefined;
  }

  /** A user's new resource, whose roster says that it watches the presentity (RFC 6121 section 4.3). */
  async probe(user: Jid, address: Jid, send: (stanza: Element) => void): Promise<void> {
    const relation = await this.#core.store.getRelation(address.bareString, user.bareString);
    if (relation === undefined || !watches(relation.state)) {
      // RFC 6121 section 4.3.2, rule 1: what the roster believes is over.
      await this.#route(presence({ type: "unsubscribed", from: address.toString(), to: user.toString() }), address);
      return;
    }
    for (const stanza of await this.#publications.current(address, user)) send(stanza);
  }

  // ---- what the presentity decides

  async list(address: Jid): Promise<WatcherInfo[] | Failure> {
    const presentity = await this.#core.presentity(address);
    if (isFailure(presentity)) return presentity;
    const relations = await this.#core.store.listRelations(address.bareString);
    return relations.flatMap(({ user, state, watch }) =>
      watch === null
        ? []
        : [
            {
              watcher: Jid.fromTrusted(user),
              state: watches(state) ? "active" : "pending",
              since: watch.since,
              transId: watch.transId,
            },
          ],
    );
  }

  /** Approves or denies; approving twice tells the user again. Errors: item-not-found. Source: RFC 3922 section 6.1.2. */
  decide(address: Jid, user: Jid, state: "active" | "denied"): Promise<Done | Failure> {
    return state === "denied" ? this.cancel(address, user) : this.#inTurn(address, () => this.#approve(address, user));
  }

  async #approve(address: Jid, user: Jid): Promise<Done | Failure> {
    const presentity = await this.#core.presentity(address);
    if (isFailure(presentity)) return presentity;
    const watch = await change(this.#core, address, user, (relation) => {
      if (relation.watch === null) return { next: relation, outcome: null };
      const { relation: next } = step(relation, "outbound", "subscribed");
      return { next, outcome: relation.watch };
    });
    if (watch === null) return stanzaError("item-not-found", `${user.bareString} has not asked`);
    const item = await this.#core.item(user, address);
    if (item === undefined || !isWatching(item.state)) await this.#tellApproved(user, address, watch.transId);
    return DONE;
  }

  /** Ends an active watch, or denies a pending one. Errors: item-not-found. Source: RFC 6121 section 3.2.2. */
  cancel(address: Jid, user: Jid): Promise<Done | Failure> {
    return this.#inTurn(address, () => this.#cancel(address, user));
  }

  async #cancel(address: Jid, user: Jid): Promise<Done | Failure> {
    const presentity = await this.#core.presentity(address);
    if (isFailure(presentity)) return presentity;
    const before = await change<Relation | null>(this.#core, address, user, (relation) => {
      if (relation.watch === null) return { next: relation, outcome: null };
      const { relation: next } = step(relation, "outbound", "unsubscribed");
      return { next: { ...next, watch: null }, outcome: relation };
    });
    if (before === null) return stanzaError("item-not-found", `${user.bareString} is no watcher`);
    await this.tellEnded(address, user, watches(before.state));
    return DONE;
  }

  /**
   * Tells the user that the subscription is over; unavailable presence goes first (RFC 6121 section 3.2.2). To be called in
   * the presentity's turn.
   */
  async tellEnded(address: Jid, user: Jid, wasActive: boolean): Promise<void> {
    if (wasActive) await this.#publications.sendUnavailable(address, user);
    await this.#route(presence({ type: "unsubscribed", from: address.toString(), to: user.toString() }), address);
  }

  // RFC 3922 section 6.1.1: subscribed, then the current presence.
  async #tellApproved(user: Jid, address: Jid, transId: string | undefined): Promise<void> {
    const approval = presence({ type: "subscribed", from: address.toString(), to: user.toString() });
    if (transId !== undefined) approval.attrs.id = transId;
    await this.#route(approval, address);
    await this.#publications.sendAll(address, user);
  }

  async #route(stanza: Element, from: Jid): Promise<void> {
    await this.#core.route(stanza, from);
  }

  #inTurn<T>(address: Jid, work: () => Promise<T>): Promise<T> {
    return this.#core.turns.run(address.bareString, work);
  }
}
