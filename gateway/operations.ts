// The abstract operations of RFC 3859 (subscribe, notify, response) and RFC 3860 (message, response) towards the foreign side,
// as plain types: the gateway and every binding speak only these. What comes from there is ForeignSide in bindings/binding.ts.

import type { StanzaCondition } from "../server/errors.ts";
import type { Jid } from "../server/jid.ts";

/** RFC 3860 section 3.1 spells it "indeterminant". */
export type Status = "success" | "failure" | "indeterminant";

/** An operation towards the foreign side. Addresses are bare JIDs; the binding writes them as im: and pres: URIs. */
export type OutboundOperation =
  /** `destination` is the presentity. */
  | {
      readonly kind: "message";
      readonly transId: string;
      readonly source: Jid;
      readonly destination: Jid;
      /** How often it may yet be relayed (RFC 3860 section 3.4.2). */
      readonly maxForwards: number;
      /** A whole Message/CPIM object, its outer MIME block included; UTF-8. */
      readonly object: Buffer;
    }
  /** `watcher` is the presentity. */
  | {
      readonly kind: "notify";
      readonly transId: string;
      readonly target: Jid;
      readonly watcher: Jid;
      /** A whole PIDF document. */
      readonly object: string;
      /** The SubscriptID: the same in every notify of one subscription. */
      readonly subscription: string;
    }
  /** An XMPP user waits for a decision of the presentity `target`. */
  | { readonly kind: "subscribe"; readonly transId: string; readonly watcher: Jid; readonly target: Jid }
  /** An XMPP user stopped watching the presentity `target`. */
  | { readonly kind: "unsubscribe"; readonly transId: string; readonly watcher: Jid; readonly target: Jid }
  /** The subscription of the presentity `watcher` ended. */
  | {
      readonly kind: "terminated";
      readonly target: Jid;
      readonly watcher: Jid;
      readonly reason: "cancelled" | "denied" | "expired" | "gone";
      /** Of the user's word that ended it, where it was one. */
      readonly transId?: string;
    }
  | {
      readonly kind: "response";
      /** Whose request it answers. */
      readonly presentity: Jid;
      readonly transId: string;
      readonly status: Status;
      readonly condition?: StanzaCondition;
    };
