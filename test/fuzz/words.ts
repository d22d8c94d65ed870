// What generated streams and requests are made of: good addresses, and words that have broken a server somewhere.

import type { Random } from "./random.ts";

export const DOMAIN = "localhost";
/** The accounts that the fuzzer speaks as and to; nobody else is ever addressed. */
export const USERS = ["fuzz0", "fuzz1", "fuzz2", "fuzz3", "fuzz4", "fuzz5"] as const;
export const PASSWORD = "Pass-w0rd-never-logged";
/** Stands in every body, so that a log which holds a body is found out. */
export const BODY_MARK = "body-never-logged";
export const FOREIGN_DOMAIN = "example.net";
export const PRESENTITIES = ["p0", "p1", "p2", "p3"].map((name) => `${name}@${FOREIGN_DOMAIN}`);
const RESOURCES = ["a", "b", "phone", "Größe", "x".repeat(300)];

/** Somebody who may exist. */
export function address(random: Random): string {
  return random.weighted([
    [8, () => `${random.pick(USERS)}@${DOMAIN}`],
    [4, () => `${random.pick(USERS)}@${DOMAIN}/${random.pick(RESOURCES)}`],
    [3, () => random.pick(PRESENTITIES)],
    [1, () => `${random.pick(PRESENTITIES)}/${random.pick(RESOURCES)}`],
    [2, () => DOMAIN],
    [1, () => FOREIGN_DOMAIN],
    [1, () => `nobody-${random.word(4)}@${DOMAIN}`],
    [1, () => "somebody@elsewhere.invalid"],
    [2, () => oddAddress(random)],
  ])();
}

/** Legal or not, it is hard to read. */
export function oddAddress(random: Random): string {
  const user = random.pick(USERS);
  return random.weighted<() => string>([
    [1, () => ""],
    [1, () => "@"],
    [1, () => "/"],
    [1, () => `${user}@`],
    [1, () => `@${DOMAIN}`],
    [1, () => `${user}@${DOMAIN}/`],
    [1, () => `${DOMAIN}/r`],
    [2, () => `${user.toUpperCase()}@LOCALHOST`],
    [1, () => `${user}@${DOMAIN}.`],
    [1, () => `${user}@${DOMAIN}..`],
    [1, () => `ｆｕｚｚ0@${DOMAIN}`],
    [1, () => `ﬀ@${DOMAIN}`],
    [1, () => `İ@${DOMAIN}`],
    [1, () => `e\u0301@${DOMAIN}/\u00e9`],
    [1, () => `\u05d0a\u0627@${DOMAIN}`],
    [1, () => `a b@${DOMAIN}`],
    [1, () => `\u200d@${DOMAIN}`],
    [1, () => `x@[::1]`],
    [1, () => "x@127.0.0.1"],
    [1, () => "x@xn--"],
    [1, () => `x@xn--${random.word(8)}`],
    [1, () => `x@${"a".repeat(64)}.example`],
    [1, () => `x@münchen.example`],
    [1, () => `${"l".repeat(1023)}@${DOMAIN}/${"r".repeat(1023)}`],
    [1, () => `${"l".repeat(1024)}@${DOMAIN}`],
    [1, () => `${"ü".repeat(512)}@${FOREIGN_DOMAIN}`],
    [1, () => `${user}@${DOMAIN}/\u{1f600}`],
    [2, () => `#26;#27;#2f;@${FOREIGN_DOMAIN}`],
    [1, () => `a\\40b@${FOREIGN_DOMAIN}`],
    [1, () => `p0%2540x@${FOREIGN_DOMAIN}`],
    [1, () => `__proto__@${FOREIGN_DOMAIN}`],
    [1, () => `constructor@${DOMAIN}/__proto__`],
    [1, () => "__proto__"],
    [1, () => `${user}@${DOMAIN}@${DOMAIN}`],
    [1, () => `im:p0@${FOREIGN_DOMAIN}`],
  ])();
}

/** Text that a parser, a normalizer or a writer may trip over. All of it may stand in XML. */
export function oddText(random: Random): string {
  return random.weighted<() => string>([
    [3, () => random.word(1 + random.below(20))],
    [1, () => ""],
    [1, () => " "],
    [1, () => "\n\t \r\n"],
    [2, () => `&<>"'`],
    [1, () => "]]>"],
    [1, () => "<![CDATA[x]]>"],
    [1, () => "</stream:stream>"],
    [1, () => "\u{1f600}\u{10fffd}"],
    [1, () => "\u0085\u2028\u2029\u00a0"],
    [1, () => "\u202eabc\u202c\u200b\ufeff"],
    [1, () => `a${"\u0301".repeat(200)}`],
    [1, () => "__proto__"],
    [1, () => "constructor"],
    [1, () => "toString"],
    [1, () => "-1"],
    [1, () => "128"],
    [1, () => "99999999999999999999"],
    [1, () => "1e3"],
    [1, () => "0x10"],
    [1, () => "true"],
    [1, () => "2026-13-45T99:99:99Z"],
    [1, () => "urn:xmpp:ping"],
    [1, () => "x".repeat(random.pick([255, 1_023, 1_024, 4_096, 20_000]))],
    [1, () => "ü\u{1f600}".repeat(random.below(2_000))],
    [1, () => "%00%0d%0a"],
    [1, () => "{{x}}%s%n"],
    [1, () => "' OR 1=1 --"],
    [1, () => "../../../etc/passwd"],
  ])();
}

export const NAMESPACES = [
  "jabber:client",
  "jabber:server",
  "http://etherx.jabber.org/streams",
  "urn:ietf:params:xml:ns:xmpp-streams",
  "urn:ietf:params:xml:ns:xmpp-stanzas",
  "urn:ietf:params:xml:ns:xmpp-tls",
  "urn:ietf:params:xml:ns:xmpp-sasl",
  "urn:xmpp:sasl:2",
  "urn:ietf:params:xml:ns:xmpp-bind",
  "urn:ietf:params:xml:ns:xmpp-session",
  "jabber:iq:roster",
  "jabber:iq:private",
  "jabber:iq:register",
  "jabber:iq:version",
  "jabber:iq:last",
  "jabber:x:data",
  "vcard-temp",
  "http://jabber.org/protocol/disco#info",
  "http://jabber.org/protocol/disco#items",
  "http://jabber.org/protocol/pubsub",
  "urn:xmpp:ping",
  "urn:xmpp:time",
  "urn:xmpp:sm:3",
  "urn:xmpp:carbons:2",
  "urn:xmpp:mam:2",
  "urn:xmpp:blocking",
  "urn:xmpp:delay",
  "urn:xmpp:hints",
  "urn:xmpp:receipts",
  "urn:ietf:params:xml:ns:xmpp-e2e",
  "http://www.w3.org/XML/1998/namespace",
  "http://www.w3.org/2000/xmlns/",
  "http://www.w3.org/1999/xhtml",
  "",
  " jabber:client",
  "JABBER:CLIENT",
  "__proto__",
] as const;
