// Every XML namespace Balcony speaks, each with the document that defines it.

export const NS = {
  client: "jabber:client", // RFC 6120 section 4.8.3
  server: "jabber:server", // RFC 6120 section 4.8.3
  stream: "http://etherx.jabber.org/streams", // RFC 6120 section 4.8.2
  streams: "urn:ietf:params:xml:ns:xmpp-streams", // RFC 6120 section 4.9.2
  stanzas: "urn:ietf:params:xml:ns:xmpp-stanzas", // RFC 6120 section 8.3.2
  tls: "urn:ietf:params:xml:ns:xmpp-tls", // RFC 6120 section 5
  sasl: "urn:ietf:params:xml:ns:xmpp-sasl", // RFC 6120 section 6
  bind: "urn:ietf:params:xml:ns:xmpp-bind", // RFC 6120 section 7
  session: "urn:ietf:params:xml:ns:xmpp-session", // RFC 3921 section 3
  xml: "http://www.w3.org/XML/1998/namespace",
  xmlns: "http://www.w3.org/2000/xmlns/",
  roster: "jabber:iq:roster", // RFC 6121 section 2
  rosterVersioning: "urn:xmpp:features:rosterver", // RFC 6121 section 2.6
  preApproval: "urn:xmpp:features:pre-approval", // RFC 6121 section 3.4
  discoInfo: "http://jabber.org/protocol/disco#info", // XEP-0030
  discoItems: "http://jabber.org/protocol/disco#items", // XEP-0030
  caps: "http://jabber.org/protocol/caps", // XEP-0115
  version: "jabber:iq:version", // XEP-0092
  delay: "urn:xmpp:delay", // XEP-0203
  time: "urn:xmpp:time", // XEP-0202
  ping: "urn:xmpp:ping", // XEP-0199
  saslChannelBinding: "urn:xmpp:sasl-cb:0", // XEP-0440
  streamLimits: "urn:xmpp:stream-limits:0", // XEP-0478
  hints: "urn:xmpp:hints", // XEP-0334
  offline: "msgoffline", // XEP-0160
  e2e: "urn:ietf:params:xml:ns:xmpp-e2e", // RFC 3923
  pidf: "urn:ietf:params:xml:ns:pidf", // RFC 3863
  pidfIm: "urn:ietf:params:xml:ns:pidf:im", // RFC 3863 section 4.1.4 examples, never standardised
  dataModel: "urn:ietf:params:xml:ns:pidf:data-model", // RFC 4479
  rpid: "urn:ietf:params:xml:ns:pidf:rpid", // RFC 4480
  cpimHeaders: "urn:ietf:params:cpim-headers:", // RFC 3862 section 4
} as const;
