// One case of the stream fuzzer as a plain value, so that it can be written to a file and run again: who connects how,
// what is written in which pieces, and where the answer is awaited.

import { mutateOctets, mutateTree, pieces } from "./mutate.ts";
import type { Random } from "./random.ts";
import { stanza } from "./stanzas.ts";
import { tree, write } from "./tree.ts";
import { DOMAIN, NAMESPACES, oddAddress, oddText, PASSWORD, USERS } from "./words.ts";

export type Step =
  /** Octets in base64, one piece after the other. */
  | { readonly do: "write"; readonly pieces: readonly string[] }
  /** Until an element of that name came, or a short time passed. `must`: a valid session waits here for its answer. */
  | { readonly do: "await"; readonly name: string; readonly must: boolean }
  | { readonly do: "tls" }
  /** The client's last SCRAM message, which depends on the challenge. */
  | { readonly do: "scram"; readonly user: string }
  /** A ping to the server: its answer, or the end of the stream, must come. */
  | { readonly do: "ping"; readonly id: string };

export type XmppCase = {
  readonly kind: "xmpp";
  readonly number: number;
  readonly what: "octets" | "negotiation" | "session" | "garbage";
  readonly tls: boolean;
  readonly steps: readonly Step[];
  /** How the client leaves: the end tag, half-close, reset, or not at all until the server ends it. */
  readonly end: "close" | "fin" | "reset" | "stay";
};

const HEADER = `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${DOMAIN}' version='1.0'>`;
const STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

export function xmppCase(random: Random, number: number): XmppCase {
  const what = random.weighted<XmppCase["what"]>([
    [40, "octets"],
    [20, "negotiation"],
    [50, "session"],
    [6, "garbage"],
  ]);
  const tls = random.chance(0.15);
  const end = random.weighted<XmppCase["end"]>([
    [5, "close"],
    [5, "fin"],
    [2, "reset"],
    [1, "stay"],
  ]);
  const steps = { octets: octetCase, negotiation: negotiationCase, session: sessionCase, garbage: garbageCase }[what](
    random,
    `c${number}`,
  );
  return { kind: "xmpp", number, what, tls, steps, end: what === "session" && end === "stay" ? "fin" : end };
}

// ---- a session that logs in as it should, then sends mutated stanzas

function sessionCase(random: Random, id: string): Step[] {
  const user = random.pick(USERS);
  const steps = [...login(random, user, id)];
  const texts: Buffer[] = [];
  if (random.chance(0.5)) texts.push(Buffer.from(`<iq type='get' id='${id}-r'><query xmlns='jabber:iq:roster'/></iq>`));
  if (random.chance(0.7)) texts.push(Buffer.from("<presence/>"));
  for (let n = 1 + random.below(12); n > 0; n -= 1) {
    let node = stanza(random, `${id}-${n}`);
    for (let changes = random.pick([0, 0, 1, 1, 2, 4]); changes > 0; changes -= 1) node = mutateTree(random, node);
    const text = Buffer.from(write(node, random));
    texts.push(random.chance(0.04) ? mutateOctets(random, text) : text);
  }
  shuffleALittle(random, texts);
  // Joined, or each by itself.
  for (const octets of random.chance(0.4) ? [Buffer.concat(texts)] : texts) steps.push(written(random, octets));
  steps.push({ do: "ping", id: `${id}-ping` });
  return steps;
}

function login(random: Random, user: string, id: string): Step[] {
  const resource = random.chance(0.7) ? `${id}` : random.pick(["a", "b", "phone"]);
  const bind = `<iq type='set' id='${id}-bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`;
  return [
    written(random, Buffer.from(HEADER)),
    { do: "await", name: "features", must: true },
    ...(random.chance(0.1) ? startTls(random, true) : []),
    ...(random.chance(0.2) ? scram(random, user) : [written(random, Buffer.from(plain(user, PASSWORD)))]),
    { do: "await", name: "success", must: true },
    written(random, Buffer.from(HEADER)),
    { do: "await", name: "features", must: true },
    written(random, Buffer.from(bind)),
    { do: "await", name: "iq", must: true },
  ];
}

function startTls(random: Random, must: boolean): Step[] {
  return [
    written(random, Buffer.from(STARTTLS)),
    { do: "await", name: "proceed", must },
    { do: "tls" },
    written(random, Buffer.from(HEADER)),
    { do: "await", name: "features", must },
  ];
}

function scram(random: Random, user: string): Step[] {
  const first = Buffer.from(`n,,n=${user},r=abcdefghijk`).toString("base64");
  return [
    written(random, Buffer.from(auth("SCRAM-SHA-256", first))),
    { do: "await", name: "challenge", must: true },
    { do: "scram", user },
  ];
}

// ---- negotiation steps in any order, with any content

function negotiationCase(random: Random, id: string): Step[] {
  const steps: Step[] = [];
  const texts = random.times(1 + random.below(9), () => Buffer.from(negotiationStep(random, id)));
  if (random.chance(0.8)) texts.unshift(Buffer.from(HEADER));
  for (const text of texts) {
    if (text.toString() === STARTTLS && random.chance(0.7)) {
      steps.push(...startTls(random, false));
      continue;
    }
    steps.push(written(random, text));
    if (random.chance(0.7)) steps.push({ do: "await", name: "*", must: false });
  }
  return steps;
}

function negotiationStep(random: Random, id: string): string {
  const user = random.pick(USERS);
  return random.weighted<() => string>([
    [3, () => HEADER],
    [3, () => oddHeader(random)],
    [4, () => plain(user, PASSWORD)],
    [2, () => plain(user, oddText(random))],
    [2, () => plain(oddText(random), PASSWORD)],
    [1, () => auth("PLAIN", Buffer.from(`${oddAddress(random)}\0${user}\0${PASSWORD}`).toString("base64"))],
    [2, () => auth("PLAIN", "")],
    [1, () => auth("PLAIN", "=")],
    [1, () => auth("PLAIN", oddText(random))],
    [1, () => auth(oddText(random), "=")],
    [2, () => auth(random.pick(["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "EXTERNAL", "ANONYMOUS"]), "")],
    [2, () => auth("SCRAM-SHA-256", Buffer.from(scramText(random, user)).toString("base64"))],
    [2, () => sasl("response", random.pick(["", "=", "AAAA", "c=biws,r=x,p=y", oddText(random)]))],
    [1, () => sasl("response", Buffer.from(`c=biws,r=${random.word(9)},p=${random.word(28)}`).toString("base64"))],
    [1, () => sasl("abort", "")],
    [1, () => sasl(random.pick(["success", "failure", "challenge", "x"]), "")],
    [2, () => STARTTLS],
    [1, () => "<starttls/>"],
    [3, () => bind(random, id)],
    [2, () => write(mutateTree(random, stanza(random, `${id}-s`)), random)],
    [1, () => write(tree(random.word(3).replace(/^\d/, "n"), { xmlns: random.pick(NAMESPACES) }), random)],
    [1, () => "</stream:stream>"],
    [1, () => " \n"],
  ])();
}

function oddHeader(random: Random): string {
  const attrs: Record<string, string | undefined> = {
    xmlns: random.pick(["jabber:client", "jabber:client", "jabber:server", "", undefined]),
    "xmlns:stream": random.pick([
      "http://etherx.jabber.org/streams",
      "http://etherx.jabber.org/streams",
      "x",
      undefined,
    ]),
    to: random.pick([DOMAIN, DOMAIN, oddAddress(random), "elsewhere.invalid", undefined]),
    from: random.pick([undefined, oddAddress(random), `fuzz0@${DOMAIN}`]),
    version: random.pick(["1.0", "1.0", "0.9", "1.1", "2.0", "99999.99999", "x", "", undefined]),
    "xml:lang": random.pick([undefined, "en", "de-AT", oddText(random)]),
    id: random.pick([undefined, "x"]),
  };
  const written = write(tree(random.pick(["stream:stream", "stream:stream", "stream", "open", "stream:x"]), attrs));
  return (
    random.pick(["<?xml version='1.0'?>", "<?xml version='1.0' encoding='utf-8'?>", ""]) + written.replace("/>", ">")
  );
}

function bind(random: Random, id: string): string {
  const resource = random.chance(0.5) ? [tree("resource", {}, random.pick([id, "a", oddText(random)]))] : [];
  const payload = tree("bind", { xmlns: "urn:ietf:params:xml:ns:xmpp-bind" }, ...resource);
  return write(tree("iq", { type: random.pick(["set", "set", "get"]), id: `${id}-b` }, payload), random);
}

function scramText(random: Random, user: string): string {
  return random.pick([
    `n,,n=${user},r=${random.word(12)}`,
    `y,,n=${user},r=${random.word(12)}`,
    `p=tls-exporter,,n=${user},r=x`,
    `n,a=${oddText(random)},n=${user},r=x`,
    `n,,n=${oddText(random)},r=${oddText(random)}`,
    "n,,",
    oddText(random),
  ]);
}

function plain(user: string, password: string): string {
  return auth("PLAIN", Buffer.from(`\0${user}\0${password}`).toString("base64"));
}

function auth(mechanism: string, message: string): string {
  const content = message === "" ? [] : [message];
  return write(tree("auth", { xmlns: "urn:ietf:params:xml:ns:xmpp-sasl", mechanism }, ...content));
}

function sasl(name: string, message: string): string {
  return write(tree(name, { xmlns: "urn:ietf:params:xml:ns:xmpp-sasl" }, ...(message === "" ? [] : [message])));
}

// ---- a valid session whose octets are mutated

function octetCase(random: Random, id: string): Step[] {
  const user = random.pick(USERS);
  const parts: Buffer[] = [
    HEADER,
    plain(user, PASSWORD),
    HEADER,
    bind(random, id),
    ...random.times(random.below(4), (n) => write(stanza(random, `${id}-${n}`), random)),
    "</stream:stream>",
  ].map((text) => Buffer.from(text));
  for (let changes = random.pick([1, 1, 1, 2, 5]); changes > 0; changes -= 1) {
    const at = random.below(parts.length);
    parts[at] = mutateOctets(random, parts[at] as Buffer);
  }
  shuffleALittle(random, parts);
  if (random.chance(0.15)) return [written(random, Buffer.concat(parts))]; // all at once, awaiting nothing
  return parts.flatMap((part): Step[] => [written(random, part), { do: "await", name: "*", must: false }]);
}

// ---- not XMPP at all

function garbageCase(random: Random): Step[] {
  const octets = random.weighted<() => Buffer>([
    [2, () => random.bytes(1 + random.below(3_000))],
    [1, () => Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
    [1, () => Buffer.from("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "latin1")], // the beginning of a ClientHello
    [1, () => Buffer.alloc(200_000, "<a>")],
    [1, () => Buffer.alloc(100_000, " ")],
    [1, () => Buffer.from(`\ufeff${HEADER}`)],
    [1, () => Buffer.from(HEADER, "utf16le")],
    [1, () => Buffer.alloc(0)],
  ])();
  return octets.length === 0 ? [] : [written(random, octets), { do: "await", name: "*", must: false }];
}

// ----

function written(random: Random, octets: Buffer): Step {
  return { do: "write", pieces: pieces(random, octets).map((piece) => piece.toString("base64")) };
}

/** Now and then two parts change places, one is sent twice, or one is left out. */
function shuffleALittle(random: Random, parts: Buffer[]): void {
  if (parts.length < 2 || !random.chance(0.3)) return;
  const [a, b] = [random.below(parts.length), random.below(parts.length)];
  const [one, other] = [parts[a] as Buffer, parts[b] as Buffer];
  switch (random.below(3)) {
    case 0:
      parts[a] = other;
      parts[b] = one;
      return;
    case 1:
      parts.splice(a, 0, other);
      return;
    default:
      parts.splice(a, 1);
  }
}
