// XEP-0227 1.1: what the reader makes of a file, and that no file makes it keep much.

import { describe, expect, test } from "vitest";
import { parseConfig } from "../../server/config.ts";
import { type PieceLimits, PortableError } from "../../server/portable/document.ts";
import { readPieces } from "../../server/portable/source.ts";
import { Tally } from "../../server/portable/tally.ts";
import { type ReadUser, readUsers, type UserParts } from "../../server/portable/users.ts";

const LIMITS = { characters: 1_000, depth: 8, elements: 20, attributes: 8 };
const HEAD = "<server-data xmlns='urn:xmpp:pie:0'><host jid='example.org'>";
const TAIL = "</host></server-data>";
const { limits, pubsub } = parseConfig({});

function read(...chunks: string[]): Promise<{ users: ReadUser[]; tally: Tally }> {
  return readWith({}, ...chunks);
}

async function readWith(
  { pieces: most = LIMITS, ...given }: Partial<UserParts> & { pieces?: PieceLimits },
  ...chunks: string[]
): Promise<{ users: ReadUser[]; tally: Tally }> {
  const tally = new Tally();
  async function* octets() {
    for (const chunk of chunks) yield Buffer.from(chunk);
  }
  const pieces = readPieces({ file: undefined, name: "file", octets: octets() }, most);
  const users: ReadUser[] = [];
  const parts = { domain: "example.org", limits, pubsub, now: () => 7, tally, existing: "keep" as const, ...given };
  for await (const user of readUsers(pieces, parts)) users.push(user);
  return { users, tally };
}

async function rosterOf(...elements: string[]) {
  const { users, tally } = await read(`${HEAD}<user name='juliet'>${elements.join("")}</user>${TAIL}`);
  const [one] = users;
  const roster = one?.ok ? one.user.holdings.roster : undefined;
  return { states: roster?.map(({ contact, state, inRoster }) => [contact, state, inRoster]), tally };
}

const item = (attrs: string): string =>
  `<query xmlns='jabber:iq:roster'><item jid='romeo@example.net' ${attrs}/></query>`;
const request = "<presence xmlns='jabber:client' type='subscribe' from='Romeo@example.net/orchard'/>";

describe("RFC 6121 appendix A.1: the states, of subscription, ask and a request that waits", () => {
  test.each([
    ["none", "", "none", "none+in"],
    ["none", "ask='subscribe'", "none+out", "none+out+in"],
    ["to", "", "to", "to+in"],
    ["to", "ask='subscribe'", "to", "to+in"],
    ["from", "", "from", "from"],
    ["from", "ask='subscribe'", "from+out", "from+out"],
    ["both", "", "both", "both"],
  ])("%s %s: %s, %s", async (subscription, ask, alone, asked) => {
    const element = item(`subscription='${subscription}' ${ask}`);
    expect((await rosterOf(element)).states).toEqual([["romeo@example.net", alone, true]]);
    expect((await rosterOf(element, request)).states).toEqual([["romeo@example.net", asked, true]]);
  });

  test("a request of somebody else waits outside of the roster, with a bare address", async () => {
    expect((await rosterOf(request)).states).toEqual([["romeo@example.net", "none+in", false]]);
  });

  test("what cannot be a contact is counted", async () => {
    const broken =
      "<item jid='@'/><item jid='juliet@example.org'/><item jid='a@b' subscription='remove'/><item jid='c@d'/><item jid='C@d'/>";
    const { states, tally } = await rosterOf(`<query xmlns='jabber:iq:roster'>${broken}</query>`, request, request);
    expect(states).toEqual([
      ["c@d", "none", true],
      ["romeo@example.net", "none+in", false],
    ]);
    const counted = tally.entries.filter(({ kind }) => /contacts|requests/.test(kind));
    expect(counted.map(({ count }) => count)).toEqual([1, 1, 1, 1, 1]);
  });
});

test("split anywhere, a file is the same", async () => {
  const text = `${HEAD}<user name='juliet' password='ä☃&amp;'>${item("name='R&#38;J'")}${request}</user>${TAIL}`;
  const whole = await read(text);
  expect(whole.users).toMatchObject([{ ok: true, user: { name: "juliet", password: "ä☃&" } }]);
  expect((await read(...text)).users).toEqual(whole.users);
});

test.each([
  ["too many characters", `<NOTE>${"x".repeat(1_000)}</NOTE>`],
  ["too deep", "<a>".repeat(8) + "</a>".repeat(8)],
  ["too many elements", "<a/>".repeat(20)],
  ["a namespace that each element would have to name", `<a xmlns:p='${"u".repeat(300)}'>${"<p:a/>".repeat(4)}</a>`],
  [
    "a namespace that each attribute would have to name",
    `<a xmlns:p='${"u".repeat(300)}'>${"<b p:c=''/>".repeat(4)}</a>`,
  ],
  ["too many attributes", `<a ${Array.from({ length: 9 }, (_, i) => `a${i}=''`).join(" ")}/>`],
])("a part with %s is left out, counted, and the rest is there", async (_, inner) => {
  const { users, tally } = await read(
    `${HEAD}<user name='juliet'><vCard xmlns='vcard-temp'>${inner}</vCard>${request}</user>${TAIL}`,
  );
  expect(users).toMatchObject([{ ok: true, user: { holdings: { roster: [{ state: "none+in" }] } } }]);
  expect((users[0] as { user: { holdings: object } }).user.holdings).not.toHaveProperty("vcard");
  expect(tally.entries).toContainEqual({ kind: "parts that are too large: <vCard>", count: 1 });
});

test("a text, a tag or a comment without an end is not waited for", async () => {
  for (const start of ["<user name='a'><x>", "<user name='", "<!-- ", "<user name='a'><x>&"]) {
    const endless = Array.from({ length: 10 }, () => "x".repeat(1_000_000));
    await expect(read(HEAD + start, ...endless)).rejects.toThrow(PortableError);
  }
});

test("names without end in number are counted as one kind", async () => {
  const unknown = Array.from({ length: 1_000 }, (_, i) => `<x${i} xmlns='urn:x'/>`);
  const { tally } = await read(`${HEAD}<user name='a'>${unknown.join("")}</user>${TAIL}`);
  expect(tally.entries.length).toBeLessThanOrEqual(101);
  expect(tally.entries[0]?.kind).toBe("elements of other kinds");
});

test("section 5: includes within what is a user's own are left alone", async () => {
  const include = "<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='/etc/passwd'/>";
  const { users } = await read(
    `${HEAD}<user name='a'><query xmlns='jabber:iq:private'><x xmlns='urn:x'>${include}</x></query></user>${TAIL}`,
  );
  expect(users).toMatchObject([
    { user: { holdings: { privateXml: [{ ns: "urn:x", xml: expect.stringContaining("include") }] } } },
  ]);
  await expect(read(`${HEAD}<user name='a'>${include}</user>${TAIL}`)).rejects.toThrow(/standard input cannot include/);
});

test.each(["scram-credentials", "keys that are broken"])("section 4.3: %s", async (what) => {
  const broken = what !== "scram-credentials";
  const [salt, stored, server] = [
    "TmFDbA==",
    "Q6qT/SbybblGCZz8e8eSfCJOQic=",
    broken ? "AAAA" : "0pXWGK0GZJ6TR73AIUN3ITYtA1g=",
  ];
  const { users, tally } = await read(`${HEAD}<user name='juliet'>
    <scram-credentials xmlns='urn:xmpp:pie:0#scram' mechanism='SCRAM-SHA-1'><iter-count>100000</iter-count>
    <salt>${salt}</salt><server-key>${server}</server-key><stored-key>${stored}</stored-key></scram-credentials>
    <scram-credentials xmlns='urn:xmpp:pie:0#scram' mechanism='SCRAM-SHA-512'/></user>${TAIL}`);
  const keys = [{ hash: "SHA-1", iterations: 100_000, salt, storedKey: stored, serverKey: server }];
  expect(users).toMatchObject([{ user: { keys: broken ? [] : keys } }]);
  const counted = tally.entries.map(({ kind }) => kind);
  expect(counted).toContain("SCRAM credentials of another hash than SHA-1 and SHA-256");
  expect(counted.includes("SCRAM credentials that are broken or there twice")).toBe(broken);
});

describe("--replace: a part that is not whole takes the place of nothing", () => {
  const WIDE = { characters: 2_000_000, depth: 8, elements: 20, attributes: 8 };
  const kinds = (tally: Tally): string[] => tally.entries.map(({ kind }) => kind).sort();
  const replacesNothing = (part: string): string =>
    `parts that replace nothing, for not all of them can be taken: ${part}`;
  const holdingsOf = ([one]: readonly ReadUser[]): object => (one?.ok ? one.user.holdings : {});
  const message = (text: string): string => `<message xmlns='jabber:client' from='a@b'><body>${text}</body></message>`;

  test("what is beyond 8 MB of an account: of the part that began there, and of those behind it", async () => {
    const messages = Array.from({ length: 5 }, () => message("x".repeat(1_900_000)));
    const file = `${HEAD}<user name='juliet' password='p'><vCard xmlns='vcard-temp'><FN>J</FN></vCard>
      <offline-messages>${messages.join("")}</offline-messages>${item("")}<query xmlns='jabber:iq:private'/></user>${TAIL}`;
    const wide = { ...limits, stanzaBytes: 2_000_000 };
    const replaced = await readWith({ pieces: WIDE, limits: wide, existing: "replace" }, file);
    expect(Object.keys(holdingsOf(replaced.users)).sort()).toEqual(["privateXml", "vcard"]);
    expect(kinds(replaced.tally)).toEqual([
      "parts of accounts that are larger than 8 MB",
      replacesNothing("offline messages"),
      replacesNothing("rosters"),
    ]);
    const kept = await readWith({ pieces: WIDE, limits: wide, existing: "keep" }, file);
    expect(holdingsOf(kept.users)).toMatchObject({ offline: { length: 4 }, roster: [] });
  });

  test.each([
    ["rosters", `<query xmlns='jabber:iq:roster'><item jid='a@b'/><item jid='c@d' name='LARGE'/></query>`],
    [
      "rosters",
      `${request}<presence xmlns='jabber:client' type='subscribe' from='a@b'><status>LARGE</status></presence>`,
    ],
    ["offline messages", `<offline-messages>${message("a")}${message("LARGE")}</offline-messages>`],
    ["private XML", "<query xmlns='jabber:iq:private'><a xmlns='urn:a'/><b xmlns='urn:b'>LARGE</b></query>"],
    [
      "nodes",
      `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n'><item id='1'/><item id='LARGE'/></items></pubsub>`,
    ],
  ])("a piece that is too large: %s", async (part, text) => {
    const file = `${HEAD}<user name='juliet' password='p'>${text.replace("LARGE", "x".repeat(1_000))}</user>${TAIL}`;
    const { users, tally } = await readWith({ existing: "replace" }, file);
    expect(holdingsOf(users)).toEqual({});
    expect(kinds(tally)).toContain(replacesNothing(part));
    expect(Object.values(holdingsOf((await read(file)).users))).toMatchObject([{ length: 1 }]);
  });

  test("nothing of it can be taken; but one that is empty, or of which something can be taken, replaces", async () => {
    const messages = (...texts: string[]): string =>
      `${HEAD}<user name='juliet' password='p'><offline-messages>${texts.map(message).join("")}</offline-messages></user>${TAIL}`;
    const given = { existing: "replace", limits: { ...limits, stanzaBytes: 200 } } as const;
    const none = await readWith(given, messages("x".repeat(300)));
    expect(holdingsOf(none.users)).toEqual({});
    expect(kinds(none.tally)).toContain(replacesNothing("offline messages"));
    expect(holdingsOf((await readWith(given, messages())).users)).toEqual({ offline: [] });
    const some = await readWith(given, messages("x".repeat(300), "y"));
    expect(holdingsOf(some.users)).toMatchObject({ offline: { length: 1 } });
  });
});

test("section 4.10: a request larger than limits.stanzaBytes waits without what it says", async () => {
  const [start, end] = ["<presence xmlns='jabber:client' type='subscribe' from='a@b'><status>", "</status></presence>"];
  const file = (text: string): string => `${HEAD}<user name='juliet' password='p'>${start}${text}${end}</user>${TAIL}`;
  const given = { limits: { ...limits, stanzaBytes: 200 } };
  const large = await readWith(given, file("x".repeat(200)));
  expect(large.users).toMatchObject([{ user: { holdings: { roster: [{ state: "none+in", pendingSubscribe: "" }] } } }]);
  expect(large.tally.entries).toEqual([
    { kind: "contents of subscription requests larger than limits.stanzaBytes", count: 1 },
  ]);
  const small = await readWith(given, file("x"));
  expect(small.users).toMatchObject([
    { user: { holdings: { roster: [{ pendingSubscribe: expect.stringContaining("<status>x</status>") }] } } },
  ]);
});

test("section 4.11: a node has at most pubsub.entitiesPerNode affiliations, and as many subscriptions", async () => {
  const of = (name: string, rest: string): string =>
    ["a@b", "c@d", "e@f", "a@b"].map((jid) => `<${name} jid='${jid}' ${rest}/>`).join("");
  const { users, tally } = await readWith(
    { pubsub: { ...pubsub, entitiesPerNode: 2 } },
    `${HEAD}<user name='juliet' password='p'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>
      <affiliations node='n'>${of("affiliation", "affiliation='member'")}</affiliations>
      <subscriptions node='n'>${of("subscription", "subscription='subscribed'")}</subscriptions></pubsub></user>${TAIL}`,
  );
  const both = [{ jid: "a@b" }, { jid: "c@d" }];
  expect(users).toMatchObject([{ user: { holdings: { nodes: [{ affiliations: both, subscriptions: both }] } } }]);
  expect(tally.entries).toEqual([
    { kind: "affiliations with nodes beyond pubsub.entitiesPerNode", count: 1 },
    { kind: "subscriptions of nodes beyond pubsub.entitiesPerNode", count: 1 },
  ]);
});
