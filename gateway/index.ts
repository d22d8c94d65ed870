// The gateway (RFC 3922): a component that owns foreign domains, with the HTTP binding as its foreign side.

import { Jid } from "../server/jid.ts";
import { isPendingOut, isWatching, watches } from "../server/roster/subscription.ts";
import type { Component } from "../server/router/routing.ts";
import { presence } from "../server/stanza.ts";
import { Turns } from "../server/turns.ts";
import { Alarm } from "./alarm.ts";
import type { ForeignSide } from "./bindings/binding.ts";
import { createHttpBinding, type HttpBinding } from "./bindings/http/binding.ts";
import { handleStanza } from "./component.ts";
import { GatewayCounts } from "./counts.ts";
import { CppSubscriptions } from "./cpp-subscriptions.ts";
import type { GatewayCore, GatewayHost } from "./host.ts";
import { UserDocuments } from "./live-presence.ts";
import { MessageOperations } from "./message-operations.ts";
import { Presentities } from "./presentities.ts";
import { Publications } from "./publications.ts";
import { reconcile } from "./reconcile.ts";
import { change, step } from "./relations.ts";
import { Watchers } from "./watchers.ts";

const PRUNE_EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;

export interface Gateway {
  readonly component: Component;
  readonly foreignSide: ForeignSide;
  readonly http: HttpBinding;
  /** For the server's metrics. */
  readonly counts: GatewayCounts;
  /** Takes up what ran out, or was left open, while the server was down. */
  start(): Promise<void>;
  /** A local account is being deleted: what it watches, and who watches it, is over. */
  userDeleted(user: Jid): Promise<void>;
  /** Resolves when nothing that a timer or a stanza began is still under way. */
  settled(): Promise<void>;
  stop(): void;
}

export function createGateway(host: GatewayHost): Gateway {
  const domains = Object.keys(host.config.gateway.domains);
  const underWay = new Set<Promise<unknown>>();
  const presentities = new Presentities(host);
  const core: GatewayCore = {
    ...host,
    get events() {
      return http.eventLog;
    },
    presentity: (address) => presentities.find(address),
    turns: new Turns(),
  };
  const publications = new Publications(core);
  const watchers = new Watchers(core, publications);
  const subscriptions = new CppSubscriptions(core, new UserDocuments(host));
  const messages = new MessageOperations(core);
  const pruning = new Alarm(
    host.clock,
    async (now) => {
      const { eventRetentionDays, eventRetentionCount } = host.config.gateway;
      await host.store.pruneEvents(now - eventRetentionDays * DAY_MS, eventRetentionCount);
      return now + PRUNE_EVERY_MS;
    },
    (err) => host.log.error({ err }, "event-pruning-failed"),
  );
  const counts = new GatewayCounts();
  const foreignSide = counts.counting({
    putPresentity: (address, settings) => presentities.put(address, settings),
    getPresentity: (address) => host.store.getPresentity(address.bareString),
    listPresentities: (domain, page) => host.store.listPresentities(domain, page),
    deletePresentity: (address) =>
      core.turns.run(address.bareString, () =>
        endRelations(core, watchers, address).then((known) => known && presentities.delete(address)),
      ),
    publish: (address, request) => publications.publish(address, request),
    publication: (address) => publications.get(address),
    withdraw: (address, ifMatch) => publications.withdraw(address, ifMatch),
    watchers: (address) => watchers.list(address),
    decide: (address, watcher, state) => watchers.decide(address, watcher, state),
    cancelWatcher: (address, watcher) => watchers.cancel(address, watcher),
    subscribe: (address, target, request) => subscriptions.subscribe(address, target, request),
    unsubscribe: (address, target) => subscriptions.unsubscribe(address, target),
    subscriptions: (address) => subscriptions.list(address),
    message: (request) => messages.fromForeign(request),
  });
  const http = createHttpBinding({
    foreignSide,
    store: host.store,
    config: host.config,
    clock: host.clock,
    log: host.log,
    audit: host.audit,
    announced: (events) => counts.announced(events),
    domains,
  });

  function track<T>(work: Promise<T>): Promise<T> {
    underWay.add(work);
    const done = (): void => {
      underWay.delete(work);
    };
    work.then(done, done);
    return work;
  }

  return {
    component: {
      handle: (stanza, from, to, accepted = () => {}) =>
        track(handleStanza(core, { watchers, subscriptions, messages }, stanza, from, to, accepted)),
      probe: (user, contact, session) => track(watchers.probe(user, contact, (stanza) => session.send(stanza))),
      services: () => domains.map((domain) => ({ jid: Jid.fromTrusted(domain), name: `CPIM gateway to ${domain}` })),
    },
    foreignSide,
    http,
    counts,
    async start() {
      await reconcile(core, { watchers, subscriptions });
      await publications.start();
      await subscriptions.start();
      await pruning.ring();
    },
    async userDeleted(user) {
      for (const { presentity } of await host.store.listRelationsOfUser(user.bareString)) {
        const address = Jid.fromTrusted(presentity);
        await watchers.unsubscribe(user, address, presence({ type: "unsubscribe" }));
        await subscriptions.gone(user, address);
      }
    },
    async settled() {
      await Promise.allSettled([publications.settled(), subscriptions.settled(), pruning.settled(), ...underWay]);
    },
    stop() {
      publications.stop();
      subscriptions.stop();
      pruning.stop();
      http.stop();
    },
  };
}

// Watchers get `unsubscribed` and unavailable presence; the users it watched get `unsubscribe`.
// False if there is no such presentity.
async function endRelations(core: GatewayCore, watchers: Watchers, address: Jid): Promise<boolean> {
  if ((await core.store.getPresentity(address.bareString)) === undefined) return false;
  for (const { user: text } of await core.store.listRelations(address.bareString)) {
    const user = Jid.fromTrusted(text);
    const before = await change(core, address, user, (relation) => {
      const cancelled = step(relation, "outbound", "unsubscribed").relation;
      const { relation: next } = step(cancelled, "outbound", "unsubscribe");
      return { next: { ...next, watch: null, subscription: null }, outcome: relation };
    });
    if (before.watch !== null) await watchers.tellEnded(address, user, watches(before.state));
    if (isWatching(before.state) || isPendingOut(before.state)) {
      const leaving = presence({ type: "unsubscribe", from: address.toString(), to: user.toString() });
      await core.route(leaving, address);
    }
  }
  return true;
}
