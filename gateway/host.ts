// What the gateway needs of the server around it, and what its own parts share.

import type { Element } from "ltx";
import type { AuditNotes } from "../server/audit.ts";
import type { Clock } from "../server/clock.ts";
import type { Config } from "../server/config.ts";
import { type StanzaError, stanzaError } from "../server/errors.ts";
import type { Jid } from "../server/jid.ts";
import type { Logger } from "../server/log.ts";
import type { Turns } from "../server/turns.ts";
import type { GatewayEvent, GatewayStore, NewGatewayEvent, Presentity, RosterItem } from "../storage/store.ts";
import type { EventLog } from "./bindings/binding.ts";
import type { OutboundOperation } from "./operations.ts";

/** An available resource of a local user. */
export type Resource = { readonly jid: Jid; readonly presence: Element | undefined; readonly priority: number };

export type GatewayHost = {
  readonly domain: Jid;
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  readonly audit: AuditNotes;
  readonly store: GatewayStore;
  /** The one way into the server, as for any stanza. */
  route(stanza: Element, from: Jid): StanzaError | undefined | Promise<StanzaError | undefined>;
  accountExists(localpart: string): boolean | Promise<boolean>;
  /** Whether a message to a local user would now be delivered to a resource, or stored for one. */
  takesMessages(user: Jid, source: Jid): Promise<boolean>;
  /**
   * Available resources of a local user, highest priority first, then by resourcepart: as a watcher may see them, to whom
   * a user who blocks it is offline (XEP-0191 section 3.3).
   */
  resources(user: Jid, watcher: Jid): readonly Resource[];
  /** What the user's roster knows of a contact. */
  item(user: Jid, contact: Jid): Promise<RosterItem | undefined>;
};

/** What the gateway's own parts share. */
export type GatewayCore = GatewayHost & {
  readonly events: EventLog;
  /** The presentity, or the error of RFC 3922 section 6.1.3: item-not-found. */
  presentity(address: Jid): Presentity | Promise<Presentity | StanzaError>;
  /**
   * What decides about a presentity and then tells users of it, by its bare JID: one after the other, or somebody who was
   * cancelled still gets what was on its way, and a presentity that is deleted gets another watcher.
   */
  readonly turns: Turns;
};

/** What a failure without a reason becomes: RFC 3922's draft asks for the legacy code too (D-3.2.2c). */
export function cpimFailure(): StanzaError {
  return { ...stanzaError("service-unavailable"), code: 503 };
}

export function isFailure(value: unknown): value is StanzaError {
  return typeof value === "object" && value !== null && (value as { kind?: unknown }).kind === "error";
}

/** Operations as records of one store transaction. */
export function record(core: GatewayCore, operations: readonly OutboundOperation[]): NewGatewayEvent[] {
  return operations.map((operation) => core.events.record(operation));
}

/** Appends operations to the log outside any other change, and wakes their readers. */
export async function append(core: GatewayCore, operations: readonly OutboundOperation[]): Promise<GatewayEvent[]> {
  const events = await core.store.appendEvents(record(core, operations));
  core.events.announce(events);
  return events;
}
