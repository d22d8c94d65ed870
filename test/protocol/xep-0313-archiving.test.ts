// XEP-0313 1.1.3 sections 3 and 6, XEP-0359 0.7.0, XEP-0334 1.0.0 and XEP-0441 0.2.0: what messages on their way leave in
// the archives of accounts, and what recipients are told of it. Queries: xep-0313-archive.test.ts.

import type { Element } from "ltx";
import { beforeEach, describe, expect, it, test } from "vitest";
import { attr, child, childrenOf, textOf } from "../../server/stanza.ts";
import { createMemoryStore } from "../../storage/memory.ts";
import type { Store } from "../../storage/store.ts";
import { form, MAM, query, type Result } from "../support/archive-client.ts";
import type { ScriptedClient } from "../support/client.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { cpim, Foreign } from "../support/foreign.ts";
import { startServer, type TestServer } from "../support/server.ts";

const SID = "urn:xmpp:sid:0";
const FORWARD = "urn:xmpp:forward:0";
const CARBONS = "urn:xmpp:carbons:2";
const BODY = "<body>Call me but love</body>";

let store: Store;
let clock: FakeClock;
let server: TestServer;
let juliet: ScriptedClient;
let romeo: ScriptedClient;

async function start(config: Parameters<typeof startServer>[0] = {}): Promise<void> {
  store = createMemoryStore();
  clock = new FakeClock();
  server = await startServer({ ...config, limits: { idleTimeoutSeconds: 0, ...config.limits } }, { store, clock });
  juliet = await server.online("juliet", { resource: "balcony" });
  romeo = await server.online("romeo", { resource: "orchard" });
}

beforeEach(() => start());

/** The stanza-ids of a message in the name of an address. */
function idsBy(message: Element, address: string): (string | undefined)[] {
  return childrenOf(message, "stanza-id", SID)
    .filter((element) => attr(element, "by") === address)
    .map((element) => attr(element, "id"));
}

/** All that a client's archive has. */
async function archiveOf(client: ScriptedClient): Promise<readonly Result[]> {
  return (await query(client)).results;
}

/** What the bodies of an archive are, in order. */
async function bodiesOf(client: ScriptedClient): Promise<string[]> {
  return (await archiveOf(client)).map(({ inner }) => textOf(child(inner, "body") ?? inner));
}

describe("section 3: message archives", () => {
  it("a message is in the archives of both, with its time, addresses, type, id, body and payloads", async () => {
    const at = new Date(clock.now()).toISOString();
    romeo.send(
      `<message to='${juliet.full}' type='chat' id='8a54s'>${BODY}<thread>t</thread><x xmlns='urn:example:x' y='z'>w</x></message>`,
    );
    await juliet.expect(`<message from='${romeo.full}'>${BODY}</message>`);
    for (const client of [romeo, juliet]) {
      const [result, ...others] = await archiveOf(client);
      expect(others).toEqual([]);
      expect(result?.stamp).toBe(at);
      expect(result?.inner.attrs).toMatchObject({ from: romeo.full, to: juliet.full, type: "chat", id: "8a54s" });
      expect(textOf(child(result?.inner as Element, "body") as Element)).toBe("Call me but love");
      expect(child(result?.inner as Element, "x", "urn:example:x")?.toString()).toContain("w</x>");
    }
  });

  it("each finds it under the other's address", async () => {
    romeo.send(`<message to='${juliet.bare}' type='chat'>${BODY}</message>`);
    await juliet.next();
    expect((await query(juliet, form({ with: romeo.bare }))).results).toHaveLength(1);
    expect((await query(juliet, form({ with: romeo.full }))).results).toHaveLength(1);
    expect((await query(juliet, form({ with: juliet.bare }))).results).toHaveLength(0);
    expect((await query(romeo, form({ with: juliet.bare }))).results).toHaveLength(1);
  });

  it("3.1: in the order in which it was received, also from several clients", async () => {
    for (let n = 0; n < 20; n += 1) {
      romeo.send(`<message to='${juliet.bare}' type='chat'><body>r${n}</body></message>`);
      juliet.send(`<message to='${romeo.bare}' type='chat'><body>j${n}</body></message>`);
    }
    await Promise.all([romeo.sync(), juliet.sync()]);
    for (const client of [romeo, juliet]) {
      await client.untilNow();
      const bodies = await bodiesOf(client);
      expect(bodies).toHaveLength(40);
      for (const who of ["r", "j"]) {
        expect(bodies.filter((body) => body.startsWith(who))).toEqual(
          Array.from({ length: 20 }, (_, n) => `${who}${n}`),
        );
      }
    }
  });

  it("what one writes to oneself is there once, and is found with the own address (4.1.1)", async () => {
    juliet.send(`<message to='${juliet.bare}' type='chat'>${BODY}</message>`);
    juliet.send(`<message to='${romeo.bare}' type='chat'><body>other</body></message>`);
    const [mine] = (await juliet.untilNow()).filter(({ name }) => name === "message");
    const { results } = await query(juliet, form({ with: juliet.bare }));
    expect(results).toHaveLength(1);
    expect(idsBy(mine as Element, juliet.bare)).toEqual([results[0]?.id]);
    expect(await archiveOf(juliet)).toHaveLength(2);
  });
});

describe("section 3.5: communicating the archive ID", () => {
  it("the recipient is told its own id, and nothing of the sender's", async () => {
    romeo.send(`<message to='${juliet.full}' type='chat'>${BODY}</message>`);
    const message = await juliet.expect(`<message>${BODY}</message>`);
    const [result] = await archiveOf(juliet);
    expect(idsBy(message, juliet.bare)).toEqual([result?.id]);
    expect(childrenOf(message, "stanza-id", SID)).toHaveLength(1);
    const [sent] = await archiveOf(romeo);
    expect(sent?.id).not.toBe(result?.id);
    expect(message.toString()).not.toContain(sent?.id);
  });

  it("carbons have the id of the archive that is theirs", async () => {
    const [garden, chamber] = [await server.online("romeo"), await server.online("juliet")];
    for (const client of [garden, chamber]) await client.ask("set", `<enable xmlns='${CARBONS}'/>`);
    romeo.send(`<message to='${juliet.full}' type='chat'>${BODY}</message>`);
    for (const [client, direction] of [
      [garden, "sent"],
      [chamber, "received"],
    ] as const) {
      const carbon = await client.until(
        `<message><${direction} xmlns='${CARBONS}'><forwarded xmlns='${FORWARD}'/></${direction}></message>`,
      );
      const forwarded = child(child(carbon, direction, CARBONS) as Element, "forwarded", FORWARD) as Element;
      const [result] = await archiveOf(client);
      expect(idsBy(child(forwarded, "message") as Element, client.bare)).toEqual([result?.id]);
    }
  });

  it("6.1.1: it is stored once, however many resources get it, and all are told the same id", async () => {
    const chamber = await server.online("juliet", { resource: "chamber" });
    await juliet.untilNow();
    romeo.send(`<message to='${juliet.bare}' type='chat'>${BODY}</message>`);
    const copies = [
      await juliet.expect(`<message>${BODY}</message>`),
      await chamber.expect(`<message>${BODY}</message>`),
    ];
    const results = await archiveOf(juliet);
    expect(results).toHaveLength(1);
    for (const copy of copies) expect(idsBy(copy, juliet.bare)).toEqual([results[0]?.id]);
  });

  it("who was away is told the id of the archive by the offline message, which is archived once", async () => {
    await juliet.close();
    romeo.send(`<message to='${juliet.bare}' type='chat'>${BODY}</message>`);
    await romeo.sync();
    clock.advance(60_000);
    juliet = await server.client("juliet");
    juliet.send("<presence/>");
    const late = await juliet.until(`<message>${BODY}</message>`);
    await juliet.untilNow();
    const results = (await archiveOf(juliet)).map(({ id, stamp }) => ({ id, stamp }));
    expect(results).toEqual([
      { id: idsBy(late, juliet.bare)[0], stamp: attr(child(late, "delay", "urn:xmpp:delay") as Element, "stamp") },
    ]);
  });
});

describe("XEP-0359 section 3: business rules", () => {
  const forged = (by: string): string => `<stanza-id xmlns='${SID}' by='${by}' id='forged'/>`;

  it("2: an id in the recipient's name is removed and replaced, however it is written; ids of others stay", async () => {
    romeo.send(
      `<message to='${juliet.full}' type='chat'>${BODY}${forged(juliet.bare)}${forged("Juliet@EXAMPLE.com")}` +
        `${forged("room@example.org")}<origin-id xmlns='${SID}' id='o'/></message>`,
    );
    const message = await juliet.expect(`<message>${BODY}<origin-id xmlns='${SID}' id='o'/></message>`);
    const [result] = await archiveOf(juliet);
    expect(
      childrenOf(message, "stanza-id", SID)
        .map(({ attrs }) => `${attrs.by} ${attrs.id}`)
        .sort(),
    ).toEqual([`${juliet.bare} ${result?.id}`, "room@example.org forged"]);
    expect(idsBy(result?.inner as Element, juliet.bare)).not.toContain("forged");
  });

  it("2: also where no id is added", async () => {
    const active = "<active xmlns='http://jabber.org/protocol/chatstates'/>";
    romeo.send(`<message to='${juliet.full}' type='chat'>${active}${forged(juliet.bare)}</message>`);
    const message = await juliet.expect(`<message>${active}</message>`);
    expect(childrenOf(message, "stanza-id", SID)).toEqual([]);
  });

  it("2: an id in the sender's own name does not get into the sender's archive as such", async () => {
    romeo.send(`<message to='${juliet.full}' type='chat'>${BODY}${forged(romeo.bare)}</message>`);
    await juliet.next();
    const [result] = await archiveOf(romeo);
    expect(idsBy(result?.inner as Element, romeo.bare)).not.toContain("forged");
  });
});

describe("sections 6.1 and 6.1.1: what is stored", () => {
  const hint = (name: string): string => `${BODY}<${name} xmlns='urn:xmpp:hints'/>`;
  test.each<[string, string, string, boolean]>([
    ["type normal", "normal", BODY, true],
    ["no headline", "headline", BODY, false],
    ["no chat state", "chat", "<composing xmlns='http://jabber.org/protocol/chatstates'/>", false],
    ["an encrypted message", "chat", "<encrypted xmlns='urn:xmpp:omemo:2'><payload>x</payload></encrypted>", true],
    ["a reaction", "chat", "<reactions xmlns='urn:xmpp:reactions:0' id='1'><reaction>x</reaction></reactions>", true],
    ["XEP-0334 4.1: no-permanent-store", "chat", hint("no-permanent-store"), false],
    ["XEP-0334 4.2: no-store", "chat", hint("no-store"), false],
    ["XEP-0334 4.4: store", "chat", "<poke xmlns='urn:example:poke'/><store xmlns='urn:xmpp:hints'/>", true],
  ])("%s", async (_, type, payload, kept) => {
    romeo.send(`<message to='${juliet.full}' type='${type}'>${payload}</message>`);
    const message = await juliet.expect(`<message type='${type}'>${payload}</message>`);
    expect(childrenOf(message, "stanza-id", SID)).toHaveLength(kept ? 1 : 0);
    expect(await archiveOf(juliet)).toHaveLength(kept ? 1 : 0);
    expect(await archiveOf(romeo)).toHaveLength(kept ? 1 : 0);
  });

  it("6.1: what the server refuses to deliver is in no archive of the recipient", async () => {
    await start({ limits: { offlineMessages: 1 } });
    await juliet.close();
    for (const body of ["kept", "refused"]) {
      romeo.send(`<message to='${juliet.bare}' type='chat' id='${body}'><body>${body}</body></message>`);
    }
    await romeo.until("<message type='error' id='refused'/>");
    juliet = await server.client("juliet");
    expect(await bodiesOf(juliet)).toEqual(["kept"]);
  });

  it("nothing is kept of an account that does not exist, and it is not told", async () => {
    romeo.send(`<message to='nobody@example.com' type='chat'>${BODY}</message>`);
    await romeo.sync();
    await server.admin.addUser("nobody", "secret");
    expect(await archiveOf(await server.client("nobody"))).toEqual([]);
  });

  it("archive.enabled false: nothing is stored, and no ids are given", async () => {
    await start({ archive: { enabled: false } });
    romeo.send(`<message to='${juliet.full}' type='chat'>${BODY}</message>`);
    const message = await juliet.expect(`<message>${BODY}</message>`);
    expect(childrenOf(message, "stanza-id", SID)).toEqual([]);
    expect(await store.archive.count(juliet.bare, {}, 10)).toBe(0);
  });
});

describe("XEP-0441 section 2: preferences", () => {
  const prefer = (policy: string, lists = ""): Promise<Element> =>
    juliet.ask("set", `<prefs xmlns='${MAM}' default='${policy}'>${lists}</prefs>`);

  it("2.1.1: never: from then on nothing is kept, and no id is given; the other side's archive is its own", async () => {
    romeo.send(`<message to='${juliet.full}' type='chat'><body>before</body></message>`);
    await juliet.until("<message><body>before</body></message>");
    await prefer("never");
    romeo.send(`<message to='${juliet.full}' type='chat'><body>after</body></message>`);
    const message = await juliet.expect("<message><body>after</body></message>");
    expect(childrenOf(message, "stanza-id", SID)).toEqual([]);
    expect(await bodiesOf(juliet)).toEqual(["before"]);
    expect(await bodiesOf(romeo)).toEqual(["before", "after"]);
  });

  it("2.1.1: roster: messages with contacts, either way", async () => {
    await prefer("roster");
    const exchange = async (n: number): Promise<void> => {
      romeo.send(`<message to='${juliet.full}' type='chat'><body>to ${n}</body></message>`);
      await juliet.until(`<message><body>to ${n}</body></message>`);
      juliet.send(`<message to='${romeo.full}' type='chat'><body>from ${n}</body></message>`);
      await juliet.sync();
    };
    await exchange(1);
    await juliet.ask("set", `<query xmlns='jabber:iq:roster'><item jid='${romeo.bare}'/></query>`);
    await exchange(2);
    await juliet.untilNow();
    expect(await bodiesOf(juliet)).toEqual(["to 2", "from 2"]);
  });

  it("2.1.2 and 2.1.3, 2.3: lists go before the default, by sender and by recipient", async () => {
    const nurse = await server.online("nurse");
    await prefer("never", `<always><jid>${romeo.bare}</jid></always>`);
    for (const client of [romeo, nurse]) client.send(`<message to='${juliet.full}' type='chat'>${BODY}</message>`);
    for (const client of [romeo, nurse]) juliet.send(`<message to='${client.full}' type='chat'>${BODY}</message>`);
    await Promise.all([romeo.sync(), nurse.sync()]);
    await juliet.untilNow();
    await prefer("always", `<never><jid>${romeo.full}</jid></never>`);
    for (const to of [romeo.full, romeo.bare]) juliet.send(`<message to='${to}' type='chat'>${BODY}</message>`);
    await juliet.untilNow();
    expect((await archiveOf(juliet)).map(({ inner }) => `${inner.attrs.from} ${inner.attrs.to}`).sort()).toEqual(
      [`${romeo.full} ${juliet.full}`, `${juliet.full} ${romeo.full}`, `${juliet.full} ${romeo.bare}`].sort(),
    );
  });
});

describe("messages across the gateway", () => {
  const FOREIGN = "paris@example.net";

  it("are in the user's archive both ways", async () => {
    await start({ gateway: { domains: { "example.net": {} } } });
    const foreign = await Foreign.of(server, "domain:example.net");
    await foreign.presentity(FOREIGN);
    juliet.send(`<message to='${FOREIGN}' type='chat' id='1'><body>out</body></message>`);
    await juliet.sync();
    const sent = await foreign.message(cpim(FOREIGN, juliet.bare, "in"));
    expect(sent.status).toBeLessThan(300);
    const message = await juliet.expect("<message><body>in</body></message>");
    const { results } = await query(juliet, form({ with: FOREIGN }));
    expect(results.map(({ inner }) => textOf(child(inner, "body") as Element))).toEqual(["out", "in"]);
    expect(idsBy(message, juliet.bare)).toEqual([results[1]?.id]);
  });
});
