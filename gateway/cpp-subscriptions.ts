// Presentities that watch XMPP users (RFC 3922 sections 6.2, 6.3, 6.5; RFC 3859): the second table of
// test/gateway/rfc3922-6-states.test.ts. Authorisation (the roster) and CPP subscriptions (limited in time) are kept apart.

import type { Element } from "ltx";
import type { EpochMs } from "../server/clock.ts";
import { stanzaError } from "../server/errors.ts";
import { Jid } from "../server/jid.ts";
import { isPendingIn, isPendingOut, isWatching, watches } from "../server/roster/subscription.ts";
import { attr, presence } from "../server/stanza.ts";
import type { CppSubscription } from "../storage/store.ts";
import { Alarm } from "./alarm.ts";
import type { Failure, SubscribeOutcome, SubscriptionInfo } from "./bindings/binding.ts";
import { decideSubscribe, notify, response } from "./cpp-decision.ts";
import { type GatewayCore, isFailure } from "./host.ts";
import type { Left, UserDocuments } from "./live-presence.ts";
import type { OutboundOperation } from "./operations.ts";
import { change, step } from "./relations.ts";
import { freshId, transIdFrom } from "./trans-id.ts";

type Done = { readonly kind: "done" };
const MIN_SECONDS = 60; // JC-46

type Request = { readonly durationSeconds: number | null; readonly transId: string | undefined };

export class CppSubscriptions {
  readonly #core: GatewayCore;
  readonly #documents: UserDocuments;
  readonly #expiry: Alarm;
  // Who is being asked at this moment: an approval that comes at once is the answer to the call itself.
  readonly #asking = new Set<string>();

  constructor(core: GatewayCore, documents: UserDocuments) {
    this.#core = core;
    this.#documents = documents;
    this.#expiry = new Alarm(
      core.clock,
      (now) => this.#expire(now),
      (err) => core.log.error({ err }, "subscription-expiry-failed"),
    );
  }

  /** Ends what ran out while the server was down, and tells watchers of users who are not there any more. */
  async start(): Promise<void> {
    await this.#expiry.ring();
    for (const relation of await this.#core.store.openSubscriptions()) {
      const user = Jid.fromTrusted(relation.user);
      await this.#notify(Jid.fromTrusted(relation.presentity), user, freshId());
    }
  }

  stop(): void {
    this.#expiry.stop();
  }

  settled(): Promise<void> {
    return this.#expiry.settled();
  }

  // ---- what the presentity asks

  /**
   * The CPP subscribe operation: a new subscription, a refresh of an active one, or (duration 0) a fetch.
   * Errors: item-not-found, forbidden, conflict. Source: RFC 3859 section 3.4.1; RFC 3922 section 6.2.
   */
  subscribe(address: Jid, user: Jid, request: Request): Promise<SubscribeOutcome> {
    return this.#core.turns.run(address.bareString, () => this.#subscribe(address, user, request));
  }

  async #subscribe(address: Jid, user: Jid, request: Request): Promise<SubscribeOutcome> {
    const presentity = await this.#core.presentity(address);
    if (isFailure(presentity)) return presentity;
    if (!(await this.#isAccount(user))) return stanzaError("item-not-found", `${user.bareString} is no user here`);
    const transId = transIdFrom(request.transId);
    const item = await this.#core.item(user, address);
    const authorised = item !== undefined && watches(item.state);
    if (request.durationSeconds === 0) return this.#fetch(address, user, transId, authorised);
    const granted = request.durationSeconds === null ? null : this.#grant(request.durationSeconds);
    const explicit = request.durationSeconds !== null;
    const waiting = item !== undefined && isPendingIn(item.state);
    const asked = { transId, granted, explicit, authorised, waiting };
    const circumstances = {
      now: this.#core.clock.now(),
      pendingSeconds: this.#core.config.gateway.pendingSeconds,
      document: () => this.#documents.of(user, address),
    };
    const outcome = await change(this.#core, address, user, (relation) =>
      decideSubscribe(relation, asked, circumstances),
    );
    if (outcome === "conflict") return stanzaError("conflict", "a subscription exists or is in progress");
    if (outcome === "ask") await this.#ask(address, user, transId);
    const now = await this.#core.store.getRelation(address.bareString, user.bareString);
    this.#expiry.arm(now?.subscription?.until ?? null);
    const active = now?.subscription?.state === "active"; // a pre-approved request was answered at once
    return { kind: active ? "active" : "pending", transId, durationSeconds: granted };
  }

  async #ask(address: Jid, user: Jid, transId: string): Promise<void> {
    const key = keyOf(address, user);
    this.#asking.add(key);
    try {
      const request = presence({ type: "subscribe", from: address.toString(), to: user.toString(), id: transId });
      await this.#core.route(request, address);
    } finally {
      this.#asking.delete(key);
    }
  }

  // JC-47: needs the authorisation a subscription would need; nothing reaches the user.
  #fetch(address: Jid, user: Jid, transId: string, authorised: boolean): SubscribeOutcome {
    if (!authorised) return stanzaError("forbidden", "the user has not approved this");
    return { kind: "fetched", transId, document: this.#documents.of(user, address).text };
  }

  /** Errors: item-not-found. Source: RFC 3859 section 3.4.3; RFC 6121 section 3.3. */
  unsubscribe(address: Jid, user: Jid): Promise<Done | Failure> {
    return this.#core.turns.run(address.bareString, () => this.#unsubscribe(address, user));
  }

  async #unsubscribe(address: Jid, user: Jid): Promise<Done | Failure> {
    const presentity = await this.#core.presentity(address);
    if (isFailure(presentity)) return presentity;
    const known = await change(this.#core, address, user, (relation) => {
      const { subscription } = relation;
      if (subscription === null && !isWatching(relation.state)) return { next: relation, outcome: false };
      const { relation: next } = step(relation, "outbound", "unsubscribe");
      const operations: OutboundOperation[] =
        subscription?.state === "pending"
          ? [response(relation, subscription.transId, "failure", "unexpected-request")]
          : [];
      return { next: { ...next, subscription: null }, operations, outcome: true };
    });
    if (!known) return stanzaError("item-not-found", "there is no such subscription");
    await this.#tellUnsubscribed(address, user);
    return { kind: "done" };
  }

  async list(address: Jid): Promise<SubscriptionInfo[] | Failure> {
    const presentity = await this.#core.presentity(address);
    if (isFailure(presentity)) return presentity;
    const relations = await this.#core.store.listRelations(address.bareString);
    return relations.flatMap(({ user, subscription }) => {
      if (subscription === null) return [];
      const { state, since, until, durationSeconds, transId } = subscription;
      return [{ target: Jid.fromTrusted(user), state, since, until, durationSeconds, transId }];
    });
  }

  // ---- what the XMPP user decides

  /** Presence of type subscribed: success, then the current presence. Source: RFC 3922 section 6.2. */
  async approved(user: Jid, address: Jid): Promise<void> {
    const document = this.#documents.of(user, address);
    await change(this.#core, address, user, (relation) => {
      const { relation: next } = step(relation, "inbound", "subscribed");
      const asked = relation.subscription;
      if (asked?.state !== "pending") return { next, outcome: undefined };
      const until = asked.durationSeconds === null ? null : asked.since + asked.durationSeconds * 1000;
      const subscription: CppSubscription = {
        ...asked,
        state: "active",
        until,
        ...document.mark,
      };
      this.#expiry.arm(until);
      const answered = this.#asking.has(keyOf(address, user)); // exactly one response (RFC 3859 section 3.4.1)
      return {
        next: { ...next, subscription },
        operations: [
          ...(answered ? [] : [response(relation, asked.transId, "success")]),
          notify(relation, asked.transId, document.text, subscription),
        ],
        outcome: undefined,
      };
    });
  }

  /** Presence of type unsubscribed: a denial, or the end of a subscription. Source: RFC 3922 sections 6.2, 6.5; JC-43. */
  async refused(user: Jid, address: Jid, stanza: Element): Promise<void> {
    await this.#ended(user, address, { pending: "denied", active: "cancelled" }, transIdFrom(attr(stanza, "id")));
  }

  /** The user's account is deleted. */
  async gone(user: Jid, address: Jid): Promise<void> {
    await this.#ended(user, address, { pending: "gone", active: "gone" });
  }

  async #ended(
    user: Jid,
    address: Jid,
    reasons: Readonly<Record<CppSubscription["state"], "denied" | "cancelled" | "gone">>,
    transId?: string,
  ): Promise<void> {
    await change(this.#core, address, user, (relation) => {
      const { relation: next } = step(relation, "inbound", "unsubscribed");
      const { subscription } = relation;
      if (subscription === null) return { next, outcome: undefined };
      const reason = reasons[subscription.state];
      const ended: OutboundOperation = {
        kind: "terminated",
        target: user,
        watcher: address,
        reason,
        ...(transId === undefined ? {} : { transId }),
      };
      const condition = reason === "gone" ? "item-not-found" : "forbidden";
      const answer =
        subscription.state === "pending" ? [response(relation, subscription.transId, "failure", condition)] : [];
      return { next: { ...next, subscription: null }, operations: [...answer, ended], outcome: undefined };
    });
  }

  /** Available or unavailable presence of one of the user's resources. Directed presence goes nowhere (JC-51). */
  async presenceChanged(user: Jid, address: Jid, stanza: Element, from: Jid): Promise<void> {
    const left = attr(stanza, "type") === "unavailable" ? { jid: from, stanza } : undefined;
    const state = await this.#notify(address, user, transIdFrom(attr(stanza, "id")), left);
    if (state !== "pending" || left !== undefined) return;
    // Broadcast to somebody who is not yet approved: a crash came between the roster's record of the approval and ours.
    const item = await this.#core.item(user, address);
    if (item !== undefined && watches(item.state)) await this.approved(user, address);
  }

  // ----

  async #notify(address: Jid, user: Jid, transId: string, left?: Left): Promise<CppSubscription["state"] | undefined> {
    return change(this.#core, address, user, (relation) => {
      const { subscription } = relation;
      const outcome = subscription?.state;
      if (subscription === null || outcome !== "active") return { next: relation, outcome };
      const document = this.#documents.of(user, address, left);
      // The notify after a response has told this already (RFC 3859 section 3.4.1: exactly one).
      if (document.mark.lastDigest === subscription.lastDigest) return { next: relation, outcome };
      const next = { ...subscription, ...document.mark };
      const operations = [notify(relation, transId, document.text, next)];
      return { next: { ...relation, subscription: next }, operations, outcome };
    });
  }

  async #expire(now: EpochMs): Promise<EpochMs | null> {
    const { relations, next } = await this.#core.store.expiredSubscriptions(now);
    for (const { presentity, user } of relations) {
      await this.#expireOne(Jid.fromTrusted(presentity), Jid.fromTrusted(user), now);
    }
    return next;
  }

  // JC-46: the authorisation of an active one stays, without a word to the user. JC-50: a pending one is taken back.
  async #expireOne(address: Jid, user: Jid, now: EpochMs): Promise<void> {
    const takenBack = await change(this.#core, address, user, (relation) => {
      const { subscription } = relation;
      if (subscription === null || subscription.until === null || subscription.until > now) {
        return { next: relation, outcome: false };
      }
      const ended: OutboundOperation = { kind: "terminated", target: user, watcher: address, reason: "expired" };
      if (subscription.state === "active") {
        return { next: { ...relation, subscription: null }, operations: [ended], outcome: false };
      }
      const { relation: next } = step(relation, "outbound", "unsubscribe");
      return {
        next: { ...next, subscription: null },
        operations: [response(relation, subscription.transId, "failure", "remote-server-timeout"), ended],
        outcome: isPendingOut(relation.state),
      };
    });
    if (takenBack) await this.#tellUnsubscribed(address, user);
  }

  async #tellUnsubscribed(address: Jid, user: Jid): Promise<void> {
    await this.#core.route(presence({ type: "unsubscribe", from: address.toString(), to: user.toString() }), address);
  }

  async #isAccount(user: Jid): Promise<boolean> {
    if (user.localpart === undefined || user.domainpart !== this.#core.domain.domainpart) return false;
    return this.#core.accountExists(user.localpart);
  }

  #grant(asked: number): number {
    return Math.max(Math.min(asked, this.#core.config.gateway.subscriptionSeconds), Math.min(asked, MIN_SECONDS));
  }
}

function keyOf(address: Jid, user: Jid): string {
  return `${address.bareString}\n${user.bareString}`;
}
