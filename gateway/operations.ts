// The abstract operations of RFC 3859 (subscribe, notify, response) and RFC 3860 (message, response) as plain types.
// The presence service and every binding speak only these; bare JIDs stand for im: and pres: URIs, which gateway/address.ts
// writes and reads.

import type { StanzaCondition } from "../server/errors.ts";
import type { Jid } from "../server/jid.ts";

/** RFC 3860 section 3.1 spells it "indeterminant". */
export type Status = "success" | "failure" | "indeterminant";

/** RFC 3860 section 3.4.1. `content` is a whole Message/CPIM object, its outer MIME block included. */
export type MessageOperation = {
  readonly source: Jid;
  readonly destination: Jid;
  readonly maxForwards: number;
  readonly transId: string;
  readonly content: Buffer;
};

/** RFC 3859 section 3.4.1. A duration of 0 is a fetch or, with a known SubscriptID, the end of the subscription. */
export type SubscribeOperation = {
  readonly watcher: Jid;
  readonly target: Jid;
  /** Null: as long as the other side grants. */
  readonly durationSeconds: number | null;
  readonly subscriptId: string;
  readonly transId: string;
};

/** RFC 3859 section 3.4.2: no response follows. `content` is a PIDF document. */
export type NotifyOperation = {
  readonly watcher: Jid;
  readonly target: Jid;
  readonly transId: string;
  readonly content: string;
};

/** The response to a message or subscribe operation; `condition` says why it failed, where a binding can carry that. */
export type ResponseOperation = {
  readonly transId: string;
  readonly status: Status;
  readonly durationSeconds?: number | null;
  readonly condition?: StanzaCondition;
};
