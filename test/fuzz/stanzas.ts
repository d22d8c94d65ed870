// A grammar of the stanzas a client sends (RFC 6120 section 8, RFC 6121), valid as it comes from here.

import type { Random } from "./random.ts";
import { type Tree, tree } from "./tree.ts";
import { address, BODY_MARK, DOMAIN, NAMESPACES, oddText, PRESENTITIES, USERS } from "./words.ts";

/** A stanza with an id that no other of this run has. */
export function stanza(random: Random, id: string): Tree {
  return random.weighted([
    [8, message],
    [8, iq],
    [5, presence],
    [4, subscription],
    [4, roster],
  ])(random, id);
}

function message(random: Random, id: string): Tree {
  const type = random.pick([undefined, "chat", "chat", "normal", "headline", "groupchat", "error"]);
  const children: Tree[] = [];
  if (random.chance(0.9)) children.push(tree("body", {}, `${BODY_MARK} ${oddText(random)}`));
  if (random.chance(0.2)) children.push(tree("body", { "xml:lang": "de" }, BODY_MARK));
  if (random.chance(0.2)) children.push(tree("subject", {}, oddText(random)));
  if (random.chance(0.2)) children.push(tree("thread", { parent: random.word(4) }, random.word(8)));
  if (random.chance(0.3)) children.push(extension(random));
  if (type === "error") children.push(error(random));
  return tree("message", { type, id, to: random.chance(0.9) ? address(random) : undefined }, ...children);
}

function presence(random: Random, id: string): Tree {
  const type = random.pick([undefined, undefined, undefined, "unavailable", "probe", "error"]);
  const children: Tree[] = [];
  if (random.chance(0.5)) children.push(tree("show", {}, random.pick(["away", "chat", "dnd", "xa", "odd", ""])));
  if (random.chance(0.5)) children.push(tree("status", {}, oddText(random)));
  if (random.chance(0.5)) children.push(tree("priority", {}, random.pick(["0", "1", "-1", "127", "-128", "128", "x"])));
  if (random.chance(0.2)) children.push(extension(random));
  if (type === "error") children.push(error(random));
  return tree("presence", { type, id, to: random.chance(0.4) ? address(random) : undefined }, ...children);
}

function subscription(random: Random, id: string): Tree {
  const type = random.pick(["subscribe", "subscribed", "unsubscribe", "unsubscribed"]);
  const to = random.chance(0.9)
    ? random.pick([`${random.pick(USERS)}@${DOMAIN}`, random.pick(PRESENTITIES)])
    : address(random);
  return tree("presence", { type, id, to }, ...(random.chance(0.3) ? [tree("status", {}, oddText(random))] : []));
}

function roster(random: Random, id: string): Tree {
  const query = (attrs: Record<string, string | undefined>, ...items: Tree[]): Tree =>
    tree("query", { xmlns: "jabber:iq:roster", ...attrs }, ...items);
  if (random.chance(0.4)) {
    const ver = random.pick([undefined, undefined, "", "1", "x"]);
    return tree("iq", { type: "get", id }, query({ ver }));
  }
  const jid = random.pick([`${random.pick(USERS)}@${DOMAIN}`, random.pick(PRESENTITIES), address(random)]);
  const item = tree(
    "item",
    {
      jid,
      name: random.chance(0.5) ? oddText(random) : undefined,
      subscription: random.chance(0.3) ? "remove" : undefined,
    },
    ...random.times(random.below(3), () => tree("group", {}, oddText(random))),
  );
  return tree("iq", { type: "set", id }, query({}, item));
}

function iq(random: Random, id: string): Tree {
  const to = random.weighted<string | undefined>([
    [4, DOMAIN],
    [3, undefined],
    [3, address(random)],
  ]);
  const type = random.weighted([
    [6, "get"],
    [3, "set"],
    [1, "result"],
    [1, "error"],
  ]);
  const payload = random.weighted<() => Tree>([
    [2, () => tree("ping", { xmlns: "urn:xmpp:ping" })],
    [2, () => tree("query", { xmlns: "http://jabber.org/protocol/disco#info", node: random.pick([undefined, "x"]) })],
    [2, () => tree("query", { xmlns: "http://jabber.org/protocol/disco#items" })],
    [1, () => tree("query", { xmlns: "jabber:iq:version" })],
    [1, () => tree("time", { xmlns: "urn:xmpp:time" })],
    [1, () => tree("session", { xmlns: "urn:ietf:params:xml:ns:xmpp-session" })],
    [1, () => tree("bind", { xmlns: "urn:ietf:params:xml:ns:xmpp-bind" }, tree("resource", {}, random.word(3)))],
    [1, () => tree("vCard", { xmlns: "vcard-temp" }, tree("FN", {}, oddText(random)))],
    [1, () => tree("enable", { xmlns: "urn:xmpp:carbons:2" })],
    [2, () => extension(random)],
  ])();
  const children = type === "error" ? [payload, error(random)] : [payload];
  return tree("iq", { type, id, to }, ...(type === "result" && random.chance(0.5) ? [] : children));
}

function error(random: Random): Tree {
  return tree(
    "error",
    { type: random.pick(["cancel", "modify", "auth", "wait", "x"]) },
    tree(random.pick(["item-not-found", "service-unavailable", "gone", "odd"]), {
      xmlns: "urn:ietf:params:xml:ns:xmpp-stanzas",
    }),
  );
}

/** Something of a namespace that the server may know or not. */
export function extension(random: Random, depth = 0): Tree {
  const children: (Tree | string)[] = [];
  while (random.chance(0.5) && depth < 4 && children.length < 4) {
    children.push(random.chance(0.5) ? oddText(random) : extension(random, depth + 1));
  }
  const attrs: Record<string, string | undefined> = {};
  if (random.chance(0.8)) attrs.xmlns = random.pick(NAMESPACES.slice(0, 29));
  while (random.chance(0.3)) attrs[random.word(3).replace(/^\d/, "a")] = oddText(random);
  return tree(random.pick(["x", "query", "item", "body", "error", "delay", "active", "presence"]), attrs, ...children);
}
