// What a binding and the gateway ask of each other: the operations of RFC 3859 (CPP) and RFC 3860 (CPIM), with failures as
// values. A binding calls ForeignSide for what comes from the foreign side; what goes to it is recorded in an EventLog.

import type { EpochMs } from "../../server/clock.ts";
import type { StanzaError } from "../../server/errors.ts";
import type { Jid } from "../../server/jid.ts";
import type {
  GatewayEvent,
  NewGatewayEvent,
  PageRequest,
  Presentity,
  PresentityPolicy,
  Publication,
} from "../../storage/store.ts";
import type { OutboundOperation } from "../operations.ts";

/** The `failure` response of an operation, as the XMPP error that it maps to (RFC 3922 section 6.1.3). */
export type Failure = StanzaError;

/** Like RFC 3903 section 6: the entity tag of what now stands, and the granted time. */
export type PublishOutcome =
  | {
      readonly kind: "published";
      readonly etag: string;
      /** Null: until it is replaced. */
      readonly expiresSeconds: number | null;
      readonly created: boolean;
    }
  | { readonly kind: "precondition-failed" }
  | Failure;

/** The response to a CPP subscribe operation (RFC 3859 section 3.4.1). A duration of null has no end. */
export type SubscribeOutcome =
  | { readonly kind: "active"; readonly transId: string; readonly durationSeconds: number | null }
  /** The user has yet to decide: a `response` operation with this TransID follows. */
  | { readonly kind: "pending"; readonly transId: string; readonly durationSeconds: number | null }
  /** A duration of 0 was asked for: the PIDF document of this moment. */
  | { readonly kind: "fetched"; readonly transId: string; readonly document: string }
  | Failure;

/** The response to a CPIM message operation (RFC 3860 section 3.4.2). */
export type MessageOutcome =
  | { readonly kind: "response"; readonly status: "success" | "indeterminant"; readonly transId: string }
  | Failure;

/** An XMPP user who watches, or asks to watch, a presentity. */
export type WatcherInfo = {
  readonly watcher: Jid;
  readonly state: "pending" | "active";
  readonly since: EpochMs;
  readonly transId: string;
};

/** An XMPP user whom a presentity watches, or asks to watch. */
export type SubscriptionInfo = {
  readonly target: Jid;
  readonly state: "pending" | "active";
  readonly since: EpochMs;
  /** Null: no end. */
  readonly until: EpochMs | null;
  readonly durationSeconds: number | null;
  readonly transId: string;
};

export type PresentityChange = {
  readonly formalName?: string;
  readonly policy?: PresentityPolicy;
  readonly allowFrom?: readonly string[];
};

export type PublishRequest = {
  /** A PIDF document (RFC 3863) as it came. */
  readonly body: Buffer;
  /** What the carrier says of its encoding; undefined: what the document says itself. */
  readonly charset: string | undefined;
  /** Null: until it is replaced. */
  readonly expiresSeconds: number | null;
  /** The entity tag that must stand; undefined: anything or nothing may. */
  readonly ifMatch: string | undefined;
};

export type MessageRequest = {
  /** A Message/CPIM object (RFC 3862). */
  readonly object: Buffer;
  /** Whether the outer MIME block is in `object` for certain; false: it may have been left to the carrier's headers. */
  readonly outerHeaders: boolean;
  /** Undefined: the gateway makes one. */
  readonly transId: string | undefined;
  readonly maxForwards: number | undefined;
  /** Whether the caller may use the object's From (bare JID) as its own address. */
  readonly maySendAs: (source: Jid) => boolean;
};

/** What a binding asks of the gateway on behalf of the foreign side. Addresses are bare JIDs, prepared. */
export interface ForeignSide {
  putPresentity(address: Jid, settings: PresentityChange): Promise<"created" | "changed" | Failure>;
  getPresentity(address: Jid): Promise<Presentity | undefined>;
  listPresentities(domain: string, page: PageRequest): Promise<Presentity[]>;
  deletePresentity(address: Jid): Promise<boolean>;

  publish(address: Jid, request: PublishRequest): Promise<PublishOutcome>;
  /** Undefined: nothing is published. */
  publication(address: Jid): Promise<Publication | undefined | Failure>;
  withdraw(
    address: Jid,
    ifMatch: string | undefined,
  ): Promise<{ readonly kind: "withdrawn" } | { readonly kind: "precondition-failed" } | Failure>;

  watchers(address: Jid): Promise<WatcherInfo[] | Failure>;
  decide(address: Jid, watcher: Jid, state: "active" | "denied"): Promise<{ readonly kind: "done" } | Failure>;
  cancelWatcher(address: Jid, watcher: Jid): Promise<{ readonly kind: "done" } | Failure>;

  subscribe(
    address: Jid,
    target: Jid,
    request: { readonly durationSeconds: number | null; readonly transId: string | undefined },
  ): Promise<SubscribeOutcome>;
  unsubscribe(address: Jid, target: Jid): Promise<{ readonly kind: "done" } | Failure>;
  subscriptions(address: Jid): Promise<SubscriptionInfo[] | Failure>;

  message(request: MessageRequest): Promise<MessageOutcome>;
}

/** The durable log of what goes to the foreign side. */
export interface EventLog {
  /**
   * The record of an operation, for the store transaction that causes it. Changes nothing.
   * Errors: throws if an address has no localpart, hence no URI; such a one never gets this far (JC-08).
   */
  record(operation: OutboundOperation): NewGatewayEvent;
  /** Wakes the consumers of events; call it after their commit. */
  announce(events: readonly GatewayEvent[]): void;
}
