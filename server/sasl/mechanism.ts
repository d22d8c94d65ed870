// SASL as the stream sees it (RFC 6120 section 6, RFC 4422): what to offer, and one exchange at a time as bytes in,
// outcome out. Base64, XML and "<abort/>" are the stream's.

import type { SaslCondition } from "../errors.ts";
import type { Jid } from "../jid.ts";

/** A channel binding type that Balcony knows. Sources: RFC 9266 (tls-exporter), RFC 5929 section 4 (the other). */
export type BindingType = "tls-exporter" | "tls-server-end-point";

/** What this connection can bind to, best first: the binding data of each type. Empty: nothing, so no -PLUS. */
export type ChannelBindings = ReadonlyMap<BindingType, Buffer>;

/** What SASL needs to know of a stream. Give the same object to `offer` and to `start`. */
export type SaslContext = {
  /** Inside TLS. */
  readonly secure: boolean;
  readonly bindings: ChannelBindings;
  /** Remote address, for throttling and the audit. */
  readonly address: string;
  /** The stream's id, for the log. */
  readonly stream?: string;
  /** 'from' of the stream header, if any. */
  readonly claimed: Jid | undefined;
};

/** `data` may be empty, as may be that of a challenge; `localpart` is prepared. */
export type SaslOutcome =
  | { readonly kind: "challenge"; readonly data: Buffer }
  | { readonly kind: "success"; readonly localpart: string; readonly data?: Buffer }
  | { readonly kind: "failure"; readonly condition: SaslCondition };

/** One authentication exchange. After success or failure it is over: any further step is a failure. */
export interface SaslExchange {
  /**
   * Takes the client's next message, base64 decoded.
   * @param message undefined: `<auth/>` came without an initial response; an empty buffer: it held "="
   * Errors: none; a failure may be answered late, see accounts/throttle.ts. Source: RFC 6120 section 6.4.3.
   */
  step(message: Buffer | undefined): SaslOutcome | Promise<SaslOutcome>;
}

/** The stream feature: mechanism names, best first, and binding types for XEP-0440 (empty: leave that element out). */
export type SaslOffer = { readonly mechanisms: readonly string[]; readonly bindings: readonly BindingType[] };

export interface SaslServer {
  /** What to advertise on this stream. An empty list of mechanisms: nobody can log in here. */
  offer(context: SaslContext): SaslOffer | Promise<SaslOffer>;
  /** Undefined: not one of the offered mechanisms, which is "invalid-mechanism" (RFC 6120 section 6.5.7). */
  start(mechanism: string, context: SaslContext): SaslExchange | undefined | Promise<SaslExchange | undefined>;
}

/**
 * What a mechanism's own file decides. As SaslOutcome, but a failure says why, for the audit and the log only, and whose
 * login it would have been, if that much was understood; sasl-server.ts keeps both from the client.
 */
export type Verdict =
  | Exclude<SaslOutcome, { kind: "failure" }>
  | {
      readonly kind: "failure";
      readonly condition: SaslCondition;
      readonly reason: string;
      readonly localpart?: string;
    };

/** One mechanism's half of an exchange, without throttle and audit. */
export interface MechanismExchange {
  step(message: Buffer | undefined): Verdict | Promise<Verdict>;
}

/** A failed Verdict. */
export function failure(condition: SaslCondition, reason: string, localpart?: string): Verdict {
  const verdict = { kind: "failure", condition, reason } as const;
  return localpart === undefined ? verdict : { ...verdict, localpart };
}
