// Stream features (RFC 6120 section 4.3.2): what may be negotiated next, in order.

import { Element } from "ltx";
import { NS } from "../namespaces.ts";
import type { SaslOffer } from "../sasl/mechanism.ts";

/** Before TLS, where TLS is required: nothing but STARTTLS (RFC 6120 section 5.3.1). */
export function tlsFeatures(required: boolean): Element {
  const starttls = new Element("starttls", { xmlns: NS.tls });
  if (required) starttls.c("required");
  return starttls;
}

/** RFC 6120 section 6.3.3, and the binding types of XEP-0440. */
export function saslFeatures(offer: SaslOffer): Element[] {
  const mechanisms = new Element("mechanisms", { xmlns: NS.sasl });
  for (const name of offer.mechanisms) mechanisms.c("mechanism").t(name);
  if (offer.bindings.length === 0) return [mechanisms];
  const bindings = new Element("sasl-channel-binding", { xmlns: NS.saslChannelBinding });
  for (const type of offer.bindings) bindings.c("channel-binding", { type });
  return [mechanisms, bindings];
}

/** After login: resource binding, and what this server supports from then on. */
export function boundFeatures(): Element[] {
  const session = new Element("session", { xmlns: NS.session });
  session.c("optional"); // RFC 6121 dropped session establishment; old clients still look for it
  return [
    new Element("bind", { xmlns: NS.bind }),
    session,
    new Element("ver", { xmlns: NS.rosterVersioning }), // RFC 6121 section 2.6.1
    new Element("sub", { xmlns: NS.preApproval }), // RFC 6121 section 3.4
  ];
}

/**
 * What a stream takes, so that nobody need find out by being cut off. Source: XEP-0478 0.2.0 section 3.1.
 * @param idleSeconds 0: a silent stream is never closed
 */
export function limitsFeature(maxBytes: number, idleSeconds: number): Element {
  const limits = new Element("limits", { xmlns: NS.streamLimits });
  limits.c("max-bytes").t(String(maxBytes));
  if (idleSeconds > 0) limits.c("idle-seconds").t(String(Math.ceil(idleSeconds)));
  return limits;
}

export function featuresElement(features: readonly Element[]): Element {
  const el = new Element("stream:features");
  for (const feature of features) el.cnode(feature);
  return el;
}
