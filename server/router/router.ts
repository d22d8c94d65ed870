// The one path of a stanza (RFC 6120 section 10, RFC 6121 section 8): check, then the server itself, a local user, the
// gateway, or nowhere.

import { type Element, parse } from "ltx";
import { StoreLimitError, StoreWriteError } from "../../storage/store.ts";
import { type StanzaError, StreamError, stanzaError } from "../errors.ts";
import { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import type { Presence } from "../presence/presence.ts";
import { watches } from "../roster/subscription.ts";
import type { Subscriptions } from "../roster/subscriptions.ts";
import type { Session } from "../session/session.ts";
import {
  attr,
  errorReply,
  type IqReply,
  iqReply,
  isSubscriptionType,
  mayAnswerWithError,
  presenceType,
} from "../stanza.ts";
import { originalOf } from "./carbons.ts";
import { DispatchTable, type IqTarget, type IqType, iqFault, payloadOf } from "./dispatch.ts";
import { judge, rewrite, type Verdict } from "./hooks.ts";
import type { AcceptedMessage, Messages } from "./messages.ts";
import { type Core, isLocalUser, type RouteOutcome, type RouteResult } from "./routing.ts";

const KINDS: ReadonlySet<string> = new Set(["message", "presence", "iq"]);

/** Who a stanza came from, for what it is told. `stream` is its id, for the log. */
export type Sender = { readonly stream: string; send(stanza: Element): void };

export class Router {
  readonly table = new DispatchTable();
  readonly #core: Core;
  readonly #presence: Presence;
  readonly #subscriptions: Subscriptions;
  readonly #messages: Messages;

  constructor(core: Core, parts: { presence: Presence; subscriptions: Subscriptions; messages: Messages }) {
    this.#core = core;
    this.#presence = parts.presence;
    this.#subscriptions = parts.subscriptions;
    this.#messages = parts.messages;
  }

  /** A stanza from a client: routed, and whatever is refused is told to it (RFC 6120 section 8.3). */
  fromSession(stanza: Element, session: Session): void | Promise<void> {
    let outcome: RouteResult;
    try {
      outcome = this.#rewriteAndRoute(stanza, session);
    } catch (error) {
      outcome = this.#failure(error, stanza, session);
    }
    return this.#settle(stanza, session, outcome);
  }

  #rewriteAndRoute(stanza: Element, session: Session): RouteResult {
    const { rewrites } = this.#core.hooks;
    const ready = stanza.name === "message" ? rewrite(rewrites, stanza, session) : stanza;
    return ready instanceof Promise
      ? ready.then((changed) => this.route(changed, session.jid, session))
      : this.route(ready, session.jid, session);
  }

  /** The same of a component (XEP-0114), for whose addresses it may speak. */
  fromComponent(stanza: Element, from: Jid, component: Sender): void | Promise<void> {
    let outcome: RouteResult;
    try {
      outcome = this.route(stanza, from);
    } catch (error) {
      outcome = this.#failure(error, stanza, component);
    }
    return this.#settle(stanza, component, outcome);
  }

  #settle(stanza: Element, sender: Sender, outcome: RouteResult): void | Promise<void> {
    if (outcome instanceof Promise) {
      return outcome.then(
        (refused) => this.#answer(stanza, sender, refused),
        (error: unknown) => this.#answer(stanza, sender, this.#failure(error, stanza, sender)),
      );
    }
    return this.#answer(stanza, sender, outcome);
  }

  #answer(stanza: Element, sender: Sender, refused: RouteOutcome): void {
    if (refused === undefined || !mayAnswerWithError(stanza)) return;
    this.#core.counters.stanzaErrors[refused.condition] += 1;
    sender.send(errorReply(stanza, refused));
  }

  #failure(error: unknown, stanza: Element, { stream }: Sender): StanzaError {
    if (error instanceof StreamError) throw error;
    if (error instanceof StoreLimitError) {
      this.#core.log.debug({ stream, limit: `limits.${error.limit}` }, "limit-reached");
      return stanzaError("resource-constraint", error.message);
    }
    if (error instanceof StoreWriteError) {
      this.#core.log.error({ stream, reason: error.message }, "store-refused");
      return stanzaError("resource-constraint", "the server cannot store anything at the moment");
    }
    this.#core.log.error({ stream, kind: stanza.name, err: error }, "stanza-failed");
    return stanzaError("internal-server-error");
  }

  /**
   * Messages to a local user that were sent to a resource whose connection broke before it took them: to another
   * resource, else to the offline store, else back to their senders as errors.
   */
  async undelivered(messages: readonly Element[]): Promise<void> {
    const answers: RouteResult[] = [];
    await this.#messages.redeliver(messages, (message, error) => answers.push(this.#bounce(message, error)));
    await Promise.all(answers);
  }

  /**
   * What a managed session ended without its client's having acknowledged: who asked something is told, and the messages
   * are for `resettle`. Call it in the turn in which the session ends. Source: XEP-0198 section 4.
   */
  unacknowledged(session: Session): readonly AcceptedMessage[] {
    const { management, jid } = session;
    if (management === undefined) return [];
    management.leaveDeliveries();
    // Of one that was lost before it ended the same was told then.
    const first = session.detachedAt === undefined;
    const messages: AcceptedMessage[] = [];
    for (const { text, at, delivery } of management.remains()) {
      if (delivery !== undefined) {
        // Another device has it, or still may.
        if (delivery.arrived || delivery.holders.length > 0) continue;
        delivery.arrived = true;
        const stanza = originalOf(parse(text) as Element);
        messages.push({ stanza, at });
        if (first) void this.#core.hooks.notify("received", jid.bare(), stanza, []);
      } else if (text.startsWith("<iq")) this.#refuse(parse(text) as Element, jid);
    }
    return messages;
  }

  #refuse(iq: Element, to: Jid): void {
    const type = attr(iq, "type");
    const from = attr(iq, "from");
    if ((type !== "get" && type !== "set") || from === undefined || !from.includes("@")) return;
    void this.route(errorReply(iq, stanzaError("service-unavailable")), to); // to a resource: nothing that could fail
  }

  /**
   * Puts elsewhere what an ended session leaves; senders are told of what there is no room for.
   * @returns those that the disk refused: they are to be put elsewhere again
   */
  resettle(account: string, messages: readonly AcceptedMessage[]): Promise<readonly AcceptedMessage[]> {
    return this.#messages.resettle(account, messages, (message, error) => void this.#bounce(message, error));
  }

  #bounce(message: Element, error: StanzaError): RouteResult {
    if (!mayAnswerWithError(message)) return undefined;
    const reply = errorReply(message, error);
    return this.route(reply, Jid.fromTrusted(attr(reply, "from") ?? this.#core.domain.toString()));
  }

  /** Routes a stanza whose `from` is true. */
  route(stanza: Element, from: Jid, session?: Session): RouteResult {
    // RFC 6120 section 4.8.3
    if (attr(stanza, "xmlns") === NS.server) throw new StreamError("invalid-namespace", "this is a client's stream");
    if (attr(stanza, "xmlns") !== undefined || !KINDS.has(stanza.name)) {
      throw new StreamError("unsupported-stanza-type", `${stanza.name} is no stanza`);
    }
    const text = attr(stanza, "to");
    let to: Jid | undefined;
    if (text !== undefined) {
      const parsed = Jid.parse(text);
      if (!parsed.ok) return stanzaError("jid-malformed", parsed.reason);
      to = parsed.value;
    }
    const verdict = this.#judge(stanza, from, to);
    if (verdict instanceof Promise) {
      return verdict.then((said) =>
        said === "pass" ? this.#routeByKind(stanza, from, to, session) : this.#stopped(stanza, said),
      );
    }
    return verdict === "pass" ? this.#routeByKind(stanza, from, to, session) : this.#stopped(stanza, verdict);
  }

  // Filters are asked of what has an addressee: first those of the sender, then those of the recipient.
  #judge(stanza: Element, from: Jid, to: Jid | undefined): Verdict | Promise<Verdict> {
    if (to === undefined) return "pass";
    const said = isLocalUser(this.#core, from) ? judge(this.#core.hooks.outbound, stanza, from, to) : "pass";
    return said instanceof Promise
      ? said.then((outbound) => this.#judgeInbound(outbound, stanza, from, to))
      : this.#judgeInbound(said, stanza, from, to);
  }

  #judgeInbound(outbound: Verdict, stanza: Element, from: Jid, to: Jid): Verdict | Promise<Verdict> {
    if (outbound !== "pass" || !isLocalUser(this.#core, to)) return outbound;
    return judge(this.#core.hooks.inbound, stanza, from, to);
  }

  #stopped(stanza: Element, verdict: Verdict): RouteOutcome {
    return typeof verdict === "string" || !mayAnswerWithError(stanza) ? undefined : verdict;
  }

  #routeByKind(stanza: Element, from: Jid, to: Jid | undefined, session: Session | undefined): RouteResult {
    switch (stanza.name) {
      case "message":
        return this.#message(stanza, from, to ?? from.bare(), session);
      case "presence":
        return this.#routePresence(stanza, from, to, session);
      default:
        return this.#iq(stanza, from, to ?? from.bare(), session);
    }
  }

  #message(stanza: Element, from: Jid, to: Jid, session: Session | undefined): RouteResult {
    if (isLocalUser(this.#core, to)) return this.#messages.deliver(stanza, from, to, session);
    return this.#messages.send(stanza, from, to, session, (accepted) => this.#elsewhere(stanza, from, to, accepted));
  }

  // What is no local user: the server itself, a gateway domain, or a domain that nobody here can reach.
  #elsewhere(stanza: Element, from: Jid, to: Jid, accepted: () => void = () => {}): RouteResult {
    if (to.domainpart === this.#core.domain.domainpart) {
      return stanza.name === "presence" ? undefined : stanzaError("service-unavailable");
    }
    const component = this.#core.component(to.domainpart);
    if (component !== undefined) return component.handle(stanza, from, to, accepted);
    return stanzaError("remote-server-not-found", `${to.domainpart} cannot be reached from here`);
  }

  // ---- presence

  #routePresence(stanza: Element, from: Jid, to: Jid | undefined, session: Session | undefined): RouteResult {
    const type = presenceType(stanza);
    if (type === undefined) return stanzaError("bad-request", "unknown presence type");
    if (to === undefined) {
      if (session === undefined) return undefined;
      if (type === "available") return this.#presence.available(session, stanza);
      if (type === "unavailable") this.#presence.unavailable(session, stanza);
      else if (type !== "error" && type !== "probe") return stanzaError("bad-request", `${type} needs a 'to'`);
      return undefined;
    }
    if (isSubscriptionType(type)) {
      const contact = to.bare(); // RFC 6121 section 3.1.2: a full JID is taken as the bare one
      if (session !== undefined) return this.#subscriptions.outbound(from.bare(), contact, type, stanza);
      return isLocalUser(this.#core, to) ? this.#subscriptions.inbound(contact, from.bare(), type, stanza) : undefined;
    }
    if (session !== undefined && type === "available" && !this.#presence.mayDirect(session, to)) {
      return stanzaError("resource-constraint", "directed presence to too many addresses (limits.rosterItems)");
    }
    if (session === undefined || type !== "available") return this.#direct(stanza, from, to, session);
    const marked = this.#presence.marked(session, stanza);
    return marked instanceof Promise
      ? marked.then((ready) => this.#direct(ready, from, to, session))
      : this.#direct(marked, from, to, session);
  }

  #direct(stanza: Element, from: Jid, to: Jid, session: Session | undefined): RouteResult {
    const type = presenceType(stanza);
    const outcome = this.#directedPresence(stanza, from, to);
    if (session !== undefined && (type === "available" || type === "unavailable")) {
      const refused = outcome instanceof Promise ? undefined : outcome;
      if (refused === undefined) this.#presence.directed(session, to, type === "available");
    }
    return outcome;
  }

  #directedPresence(stanza: Element, from: Jid, to: Jid): RouteResult {
    if (!isLocalUser(this.#core, to)) return this.#elsewhere(stanza, from, to);
    const type = presenceType(stanza);
    if (type === "probe") return this.#probe(stanza, from, to);
    if (type === "error" && to.isBare) return undefined;
    this.#presence.deliver(stanza, to);
    return undefined;
  }

  async #probe(stanza: Element, from: Jid, to: Jid): Promise<RouteOutcome> {
    const refusal = await this.#presence.probed(stanza, from, to);
    if (refusal === undefined) return undefined;
    if (!isLocalUser(this.#core, from)) return this.route(refusal, to);
    return this.#subscriptions.probeRefused(from.bare(), to.bare(), refusal);
  }

  // ---- iq

  #iq(stanza: Element, from: Jid, to: Jid, session: Session | undefined): RouteResult {
    const fault = iqFault(stanza);
    if (fault !== undefined) return fault;
    const type = attr(stanza, "type");
    const request = type === "get" || type === "set";
    if (isLocalUser(this.#core, to)) {
      if (!to.isBare) return this.#iqToResource(stanza, from, to, request);
      return request ? this.#dispatch(stanza, type, "account", from, to, session) : undefined;
    }
    if (to.toString() === this.#core.domain.toString()) {
      if (request) return this.#dispatch(stanza, type, "domain", from, to, session);
      this.#core.requests.answered(stanza);
      return undefined;
    }
    return this.#elsewhere(stanza, from, to);
  }

  // RFC 6121 sections 8.5.3.1 and 8.5.3.2.3: a request reaches a resource only from whom it shares presence with.
  #iqToResource(stanza: Element, from: Jid, to: Jid, request: boolean): RouteResult {
    const target = this.#core.sessions.get(to);
    if (!request) {
      target?.send(stanza);
      return undefined;
    }
    if (target === undefined) return stanzaError("service-unavailable");
    const knows =
      from.bareString === to.bareString ||
      target.directed.has(from.toString()) ||
      target.directed.has(from.bareString) ||
      this.#maySee(this.#core.rosters.item(to.bareString, from.bareString));
    const deliver = (allowed: boolean): RouteOutcome => {
      if (!allowed) return stanzaError("service-unavailable");
      target.send(stanza);
      return undefined;
    };
    return knows instanceof Promise ? knows.then(deliver) : deliver(knows);
  }

  #maySee(item: ReturnType<Core["rosters"]["item"]>): boolean | Promise<boolean> {
    if (item instanceof Promise) return item.then((found) => found !== undefined && watches(found.state));
    return item !== undefined && watches(item.state);
  }

  #dispatch(
    stanza: Element,
    type: IqType,
    target: IqTarget,
    from: Jid,
    to: Jid,
    session: Session | undefined,
  ): RouteResult {
    const payload = payloadOf(stanza) as Element;
    const handler = this.table.find(type, payload, target);
    // RFC 6120 section 8.2.3 and RFC 6121 section 8.5.2.1.3
    if (handler === undefined) return stanzaError("service-unavailable");
    let allowed: boolean | Promise<boolean> =
      target === "domain" || handler.allow === "anyone" || from.bareString === to.bareString;
    if (!allowed && handler.allow === "subscriber") {
      allowed = this.#maySee(this.#core.rosters.item(to.bareString, from.bareString));
    }
    const answer = (reply: IqReply): RouteResult => {
      if (reply.kind === "error") return reply;
      const element = iqReply(stanza, reply);
      if (session === undefined) return this.route(element, to);
      session.send(element);
      reply.afterwards?.();
      return undefined;
    };
    const run = (yes: boolean): RouteResult => {
      const request = { stanza, payload, from, to, session };
      const { refusal = "service-unavailable" } = handler;
      if (!yes) return typeof refusal === "string" ? stanzaError(refusal) : answer(refusal(request));
      const reply = handler.handle(request);
      return reply instanceof Promise ? reply.then(answer) : answer(reply);
    };
    return allowed instanceof Promise ? allowed.then(run) : run(allowed);
  }
}
