// XEP-0313 1.1.3: what an account's client asks of the archive. The archives are filled in the store; that messages get
// there is shown in xep-0313-archiving.test.ts.

import { join } from "node:path";
import { beforeEach, describe, expect, it, test } from "vitest";
import type { ConfigInput, ServerParts } from "../../server/index.ts";
import { attr, child, childrenOf, elements, textOf } from "../../server/stanza.ts";
import { createMemoryStore } from "../../storage/memory.ts";
import { openSqliteStore } from "../../storage/sqlite.ts";
import type { ArchivedMessage, Store } from "../../storage/store.ts";
import {
  type Answer,
  askQuery,
  chat,
  conditionOf,
  form,
  MAM,
  query,
  readAnswer,
  refusal,
  set,
} from "../support/archive-client.ts";
import type { ScriptedClient } from "../support/client.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { temporaryFolder } from "../support/folder.ts";
import { befriend, startServer, type TestServer } from "../support/server.ts";

const JULIET = "juliet@example.com";
const ROMEO = "romeo@montague.lit";
const NURSE = "nurse@example.com";
const ROOM = "coven@chat.shakespeare.lit";
const START = Date.UTC(2010, 6, 10, 23, 8, 25);
const DAY_MS = 86_400_000;

const STORES: readonly [string, () => Promise<Store>][] = [
  ["memory store", async () => createMemoryStore()],
  ["SQLite store", async () => openSqliteStore(join(await temporaryFolder(), "balcony.sqlite"))],
];

describe.each(STORES)("%s", (_store, open) => {
  let store: Store;
  let server: TestServer;
  let juliet: ScriptedClient;

  // The messages here are old: none of them goes unless a test wants it.
  async function start({ archive, ...config }: ConfigInput = {}, parts: ServerParts = {}): Promise<void> {
    server = await startServer({ archive: { retentionDays: 0, ...archive }, ...config }, { store, ...parts });
    juliet = await server.client("juliet", { resource: "balcony" });
  }

  beforeEach(async () => {
    store = await open();
  });

  /** Messages "a", "b" ... a second apart: each between Juliet and the one that is named. */
  async function seed(...withWhom: string[]): Promise<void> {
    const messages = withWhom.map((other, n) => {
      const id = String.fromCharCode("a".charCodeAt(0) + n);
      const mine = n % 2 === 1;
      const [from, to] = mine ? [`${JULIET}/balcony`, other] : [other, JULIET];
      return chat(JULIET, { id, at: START + n * 1_000, from, to });
    });
    await store.archive.add(messages);
  }

  describe("section 4: querying an archive", () => {
    it("sends every message in order, as it was, with id, stamp and queryid, and then the end", async () => {
      await start();
      const witch = { id: "28482-98726-73623", at: START, from: "witch@shakespeare.lit", to: `${JULIET}/balcony` };
      const answer = { id: "09af3-cc343-b409f", at: START + 67_500, from: `${JULIET}/balcony`, to: `${ROMEO}/orchard` };
      await store.archive.add([chat(JULIET, { ...witch, body: "Hail &amp; &lt;hi&gt;" }), chat(JULIET, answer)]);
      juliet.send(`<iq type='set' id='juliet1'><query xmlns='${MAM}' queryid='f27'/></iq>`);
      const first = await juliet.expect(
        `<message from='${JULIET}' to='${juliet.full}' id='{any}' type='{absent}'>
           <result xmlns='${MAM}' queryid='f27' id='28482-98726-73623'><forwarded xmlns='urn:xmpp:forward:0'>
             <delay xmlns='urn:xmpp:delay' stamp='2010-07-10T23:08:25.000Z'/>
             <message xmlns='jabber:client' from='witch@shakespeare.lit' to='${JULIET}/balcony' type='chat'
                id='s-28482-98726-73623'><body>Hail &amp; &lt;hi&gt;</body></message>
           </forwarded></result></message>`,
      );
      expect(elements(first)).toHaveLength(1);
      await juliet.expect(
        `<message to='${juliet.full}'><result xmlns='${MAM}' queryid='f27' id='09af3-cc343-b409f'>
           <forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2010-07-10T23:09:32.500Z'/>
           <message xmlns='jabber:client' from='${JULIET}/balcony' to='${ROMEO}/orchard'/></forwarded></result></message>`,
      );
      await juliet.expect(
        `<iq type='result' id='juliet1'><fin xmlns='${MAM}' complete='true'>
           <set xmlns='http://jabber.org/protocol/rsm'>
             <first index='0'>28482-98726-73623</first><last>09af3-cc343-b409f</last><count>2</count>
           </set></fin></iq>`,
      );
      await juliet.expectNothing();
    });

    it("works at the account's address as without one; no queryid is sent back that was not given", async () => {
      await start();
      await seed(ROMEO);
      juliet.send(`<iq type='set' id='1' to='${JULIET}'><query xmlns='${MAM}'/></iq>`);
      await juliet.expect(`<message><result xmlns='${MAM}' id='a' queryid='{absent}'/></message>`);
      await juliet.expect(`<iq type='result' id='1' from='${JULIET}'><fin xmlns='${MAM}' complete='true'/></iq>`);
    });

    it("an empty archive is no error: no results, and none to count", async () => {
      await start();
      const empty = { results: [], complete: true, first: undefined, last: undefined, count: 0 };
      expect(await query(juliet)).toMatchObject(empty);
      expect(await query(juliet, set("<max>10</max><before/>"))).toMatchObject(empty);
      expect(await query(juliet, form({ with: ROMEO }) + set("<max>0</max>"))).toMatchObject(empty);
    });

    it("answers the session that asks, and no other one of the account", async () => {
      await start();
      await seed(ROMEO);
      const chamber = await server.online("juliet", { resource: "chamber" });
      await chamber.sync();
      expect((await query(juliet)).ids).toBe("a");
      await chamber.expectNothing();
      expect((await query(chamber)).ids).toBe("a");
    });

    it("answers queries that were sent at once one after the other", async () => {
      await start();
      await seed(ROMEO, NURSE, ROMEO);
      const asked = [askQuery(juliet), askQuery(juliet, form({ with: NURSE })), askQuery(juliet, set("<max>1</max>"))];
      const answers: string[] = [];
      for (const one of asked) answers.push((await readAnswer(juliet, one)).ids);
      expect(answers).toEqual(["a b c", "b", "a"]);
    });
  });

  describe("section 4.1: filtering results", () => {
    test.each<[string, Record<string, string | string[]>, string]>([
      ["4.1.1: with a bare JID: to or from any of its resources", { with: ROMEO }, "a b d"],
      ["4.1.1: with a JID that is written otherwise", { with: "Romeo@MONTAGUE.lit" }, "a b d"],
      ["4.1.1: with a full JID: only that resource", { with: `${ROMEO}/orchard` }, "a"],
      ["4.1.1: with an occupant of a room", { with: `${ROOM}/firstwitch` }, "f"],
      ["4.1.1: with nobody that is there", { with: "paris@example.net" }, ""],
      ["4.1.1: with the account itself: to and from it", { with: JULIET }, "e"],
      ["4.1.1: with one of the account's own resources: to or from it", { with: `${JULIET}/balcony` }, "b d e f"],
      ["4.1.2: start, inclusive", { start: "2010-07-10T23:08:28Z" }, "d e f"],
      ["4.1.2: start between two", { start: "2010-07-10T23:08:28.001Z" }, "e f"],
      ["4.1.2: end, inclusive", { end: "2010-07-10T23:08:26Z" }, "a b"],
      [
        "4.1.2: start and end in other time zones",
        { start: "2010-07-11T01:08:26+02:00", end: "2010-07-10T18:08:28-05:00" },
        "b c d",
      ],
      ["4.1.2: nothing in that time", { start: "2011-01-01T00:00:00Z" }, ""],
      ["4.1.2: an end before the start", { start: "2010-07-10T23:08:28Z", end: "2010-07-10T23:08:27Z" }, ""],
      ["4.1.3: after-id", { "after-id": "c" }, "d e f"],
      ["4.1.3: before-id", { "before-id": "c" }, "a b"],
      ["4.1.3: between two", { "after-id": "a", "before-id": "d" }, "b c"],
      ["4.1.3: ids, one", { ids: "c" }, "c"],
      ["4.1.3: ids, in the order of the archive", { ids: ["e", "a", "c", "a"] }, "a c e"],
      ["4.1.4: include-groupchat", { "include-groupchat": "true", with: ROMEO }, "a b d"],
      [
        "all at once",
        { with: ROMEO, "after-id": "a", "before-id": "f", start: "2010-07-10T23:08:27Z", ids: ["b", "d"] },
        "d",
      ],
    ])("%s", async (_, fields, expected) => {
      await start();
      await seed(`${ROMEO}/orchard`, ROMEO, NURSE, `${ROMEO}/garden`, `${JULIET}/balcony`, `${ROOM}/firstwitch`);
      const { ids, complete } = await query(juliet, form(fields));
      expect([ids, complete]).toEqual([expected, true]);
    });

    test.each<[string, string]>([
      ["4.1.3: before-id", form({ "before-id": "x" })],
      ["4.1.3: after-id", form({ "after-id": "x" })],
      ["4.1.3: ids", form({ ids: ["a", "x"] })],
      ["4.1.3: although nothing else matches", form({ "after-id": "x", with: "paris@example.net" })],
      ["4.3.2: RSM's before", set("<before>x</before>")],
      ["4.3.2: RSM's after", set("<after>x</after>")],
      ["4.3.2: RSM's after, beside an after-id that is there", form({ "after-id": "a" }) + set("<after>x</after>")],
      ["4.3.2: with max 0", set("<max>0</max><after>x</after>")],
      ["4.3.2: of an occupant's messages", form({ with: `${ROOM}/firstwitch` }) + set("<after>x</after>")],
    ])("an id that is not in the archive is item-not-found: %s", async (_, content) => {
      await start();
      expect(await refusal(juliet, content)).toBe("cancel/item-not-found");
      await seed(ROMEO, ROMEO);
      await store.archive.add([chat(NURSE, { id: "x", at: START, from: ROMEO, to: NURSE })]);
      expect(await refusal(juliet, content)).toBe("cancel/item-not-found");
      await juliet.expectNothing();
    });

    test.each<[string, string, string]>([
      [
        "4.1.5: a field that is not known",
        form({ "{http://example.com/}free-text-search": "x" }),
        "cancel/feature-not-implemented",
      ],
      ["4.1.1: no JID", form({ with: "@" }), "modify/bad-request"],
      ["4.1.2: no time", form({ start: "2010-06-07" }), "modify/bad-request"],
      ["4.1: another FORM_TYPE", form({ FORM_TYPE: "urn:xmpp:mam:1" }), "modify/bad-request"],
      ["XEP-0059 2.1: no number", set("<max>many</max>"), "modify/bad-request"],
      ["XEP-0059 2.6: by index", set("<max>1</max><index>1</index>"), "cancel/feature-not-implemented"],
    ])("refused: %s", async (_, content, condition) => {
      await start();
      await seed(ROMEO);
      expect(await refusal(juliet, content)).toBe(condition);
      await juliet.expectNothing();
    });

    it("6.1.3 and XEP-0442: an account has no archives of nodes", async () => {
      await start();
      expect(await refusal(juliet, "", "node='urn:xmpp:microblog:0'")).toBe("cancel/item-not-found");
    });

    it("4.1.5: the form has all fields, none required, and takes any ids", async () => {
      await start();
      const iq = await juliet.ask("get", `<query xmlns='${MAM}'/>`);
      expect(iq.attrs.type).toBe("result");
      const x = child(child(iq, "query", MAM) ?? iq, "x", "jabber:x:data") ?? iq;
      expect(x.attrs.type).toBe("form");
      const fields = childrenOf(x, "field", "jabber:x:data");
      expect(fields.map((field) => [attr(field, "var"), attr(field, "type")])).toEqual([
        ["FORM_TYPE", "hidden"],
        ["with", "jid-single"],
        ["start", "text-single"],
        ["end", "text-single"],
        ["before-id", "text-single"],
        ["after-id", "text-single"],
        ["ids", "list-multi"],
        ["include-groupchat", "boolean"],
      ]);
      const [type] = fields;
      expect(type && elements(type).map(textOf)).toEqual([MAM]);
      const VALIDATE = "http://jabber.org/protocol/xdata-validate";
      const validate = child(fields[6] ?? x, "validate", VALIDATE);
      expect([validate?.attrs.datatype, validate && elements(validate).map(({ name }) => name)]).toEqual([
        "xs:string",
        ["open"],
      ]);
      expect(fields.slice(1).flatMap(elements)).toHaveLength(1);
    });
  });

  describe("section 4.3: paging through 250 messages", () => {
    const TOTAL = 250;
    const name = (n: number): string => `m${String(n).padStart(3, "0")}`;
    const OTHERS = [`${ROMEO}/orchard`, NURSE, `${ROOM}/firstwitch`, ROMEO, `${ROOM}/secondwitch`];
    // Seven at a time have the same moment.
    const all = Array.from({ length: TOTAL }, (_, n) =>
      chat(JULIET, {
        id: name(n),
        at: START + Math.floor(n / 7) * 1_000,
        from: OTHERS[n % OTHERS.length] as string,
        to: JULIET,
      }),
    );

    beforeEach(async () => {
      await store.archive.add(all);
      await start();
    });

    /** Every page of one way, in the order of asking. */
    async function pages(way: "forward" | "backward", max: number, filter = ""): Promise<Answer[]> {
      const found: Answer[] = [];
      let edge = way === "forward" ? "" : "<before/>";
      for (;;) {
        const answer = await query(juliet, filter + set(`<max>${max}</max>${edge}`));
        found.push(answer);
        if (answer.complete) return found;
        edge = way === "forward" ? `<after>${answer.last}</after>` : `<before>${answer.first}</before>`;
      }
    }

    test.each([100, 50, 7, 125])("4.2: forward and backward by %i: each message once, in order", async (max) => {
      const expected = all.map(({ id }) => id).join(" ");
      const forward = await pages("forward", max);
      expect(forward.map(({ ids }) => ids).join(" ")).toBe(expected);
      const backward = await pages("backward", max);
      expect(
        backward
          .map(({ ids }) => ids)
          .reverse()
          .join(" "),
      ).toBe(expected);
      expect(new Set([...forward, ...backward].map(({ count }) => count))).toEqual(new Set([TOTAL]));
      for (const { index, first, last, results } of [...forward, ...backward]) {
        expect([first, last]).toEqual([results[0]?.id, results.at(-1)?.id]);
        expect(name(index ?? -1)).toBe(first);
      }
    });

    test.each([
      ["an occupant", `${ROOM}/firstwitch`, 2],
      ["the room", ROOM, undefined],
    ])("4.1.1: with %s, by 10 both ways", async (_, contact, remainder) => {
      const expected = all
        .filter((one, n) => (remainder === undefined ? one.with === contact : n % OTHERS.length === remainder))
        .map(({ id }) => id)
        .join(" ");
      const filter = form({ with: contact });
      expect((await pages("forward", 10, filter)).map(({ ids }) => ids).join(" ")).toBe(expected);
      const backward = await pages("backward", 10, filter);
      expect(
        backward
          .map(({ ids }) => ids)
          .reverse()
          .join(" "),
      ).toBe(expected);
    });

    it("4.3.1: the server sends 50 at a time unless it is asked for more, and 100 at most", async () => {
      const standard = await query(juliet);
      expect([standard.results.length, standard.complete, standard.last]).toEqual([50, false, name(49)]);
      const most = await query(juliet, set("<max>1000</max>"));
      expect([most.results.length, most.complete, most.last]).toEqual([100, false, name(99)]);
    });

    it("4.3.3: the last page, in order", async () => {
      const last = await query(juliet, set("<max>3</max><before/>"));
      expect(last).toMatchObject({ ids: "m247 m248 m249", complete: false, index: 247, count: TOTAL });
    });

    it("4.3.4: a flipped page is the same one, in reverse", async () => {
      const page = form({ with: ROMEO }) + set("<max>4</max><after>m100</after>");
      const plain = await query(juliet, page);
      const flipped = await query(juliet, `${page}<flip-page/>`);
      expect(flipped.ids).toBe(plain.ids.split(" ").reverse().join(" "));
      const { first, last, index, count, complete } = plain;
      expect(flipped).toMatchObject({ first, last, index, count, complete });
    });

    test.each([
      ["", "250"],
      [form({ with: ROMEO }), "100"],
      [form({ "after-id": "m099", "before-id": "m200" }), "100"],
      [form({ ids: ["m001", "m002"] }), "2"],
      [form({ with: "paris@example.net" }), "0"],
    ])("XEP-0059 2.7: max 0 is the count and nothing else: %s", async (filter, count) => {
      for (const edge of ["", "<before/>", "<after>m030</after>"]) {
        const answer = await query(juliet, filter + set(`<max>0</max>${edge}`));
        expect([answer.ids, answer.first, answer.last, String(answer.count)]).toEqual([
          "",
          undefined,
          undefined,
          count,
        ]);
      }
    });

    it("everything together is what the sections say one by one", async () => {
      for (const { content, expected } of combinations(all)) {
        expect({ content, ...told(await query(juliet, content)) }).toEqual({ content, ...expected });
      }
    });
  });

  describe("section 4.3.1: pages are also limited by what a client can be sent at once", () => {
    const big = (id: string, n: number, characters: number): ArchivedMessage =>
      chat(JULIET, { id, at: START + n, from: ROMEO, to: JULIET, body: "x".repeat(characters) });

    it("fewer are sent then, never none, and all of them in the end", async () => {
      const sizes = [5_000, 5_000, 5_000, 5_000, 40_000, 10, 5_000, 30_000, 30_000, 10];
      await store.archive.add(sizes.map((size, n) => big(`m${n}`, n, size)));
      await start({ limits: { outboxBytes: 65_536 } });
      const everything = sizes.map((_, n) => `m${n}`).join(" ");
      const forward = [await query(juliet)];
      while (forward.at(-1)?.complete === false) {
        forward.push(await query(juliet, set(`<after>${forward.at(-1)?.last}</after>`)));
      }
      expect(forward.map(({ ids }) => ids).join(" ")).toBe(everything);
      expect(forward[0]).toMatchObject({ ids: "m0 m1 m2", complete: false, count: 10, index: 0 });
      expect(forward.every(({ results }) => results.length > 0)).toBe(true);
      const backward = [await query(juliet, set("<before/>"))];
      while (backward.at(-1)?.complete === false) {
        backward.push(await query(juliet, set(`<before>${backward.at(-1)?.first}</before>`)));
      }
      expect(
        backward
          .map(({ ids }) => ids)
          .reverse()
          .join(" "),
      ).toBe(everything);
      expect(backward.length).toBeGreaterThan(3);
    });

    it("a client that asks for much and does not read is waited for, and misses nothing", async () => {
      await store.archive.add(Array.from({ length: 10 }, (_, n) => big(`m${n}`, n, 1_500)));
      await start({ limits: { outboxBytes: 65_536 } });
      juliet.pause();
      const asked = Array.from({ length: 900 }, () => askQuery(juliet, set("<max>8</max>")));
      const nurse = await server.client("nurse");
      await nurse.sync();
      juliet.resume();
      for (const one of asked) expect((await readAnswer(juliet, one)).results).toHaveLength(8);
    });
  });

  describe("section 5: archive metadata", () => {
    it("of an empty archive: nothing", async () => {
      await start();
      const iq = await juliet.ask("get", `<metadata xmlns='${MAM}'/>`);
      expect([iq.attrs.type, child(iq, "metadata", MAM)?.children]).toEqual(["result", []]);
    });

    it("the first and the last message, their ids and times", async () => {
      await start();
      const ends = [
        { id: "YWxwaGEg", at: Date.UTC(2008, 7, 22, 21, 9, 4) },
        { id: "x", at: Date.UTC(2010, 0, 1) },
        { id: "b21lZ2Eg", at: Date.UTC(2020, 3, 20, 14, 34, 21) },
      ];
      await store.archive.add(ends.map((end) => chat(JULIET, { ...end, from: ROMEO, to: JULIET })));
      juliet.send(`<iq type='get' id='jui8921rr9'><metadata xmlns='${MAM}'/></iq>`);
      await juliet.expect(
        `<iq type='result' id='jui8921rr9'><metadata xmlns='${MAM}'>
           <start id='YWxwaGEg' timestamp='2008-08-22T21:09:04.000Z'/>
           <end id='b21lZ2Eg' timestamp='2020-04-20T14:34:21.000Z'/></metadata></iq>`,
      );
    });
  });

  describe("XEP-0441 section 2: preferences", () => {
    const prefs = (policy: string, lists = "<always/><never/>"): string =>
      `<prefs xmlns='${MAM}' default='${policy}'>${lists}</prefs>`;

    test.each(["always", "never", "roster"] as const)(
      "2.1: of who has set none: archive.default %s",
      async (policy) => {
        await start({ archive: { default: policy } });
        juliet.send(`<iq type='get' id='juliet2'><prefs xmlns='${MAM}'/></iq>`);
        const iq = await juliet.expect(`<iq type='result' id='juliet2'>${prefs(policy)}</iq>`);
        expect(elements(child(iq, "prefs", MAM) ?? iq).flatMap(elements)).toEqual([]);
      },
    );

    it("2.1: what is set is answered, and kept", async () => {
      await start();
      const lists = "<always><jid>romeo@montague.lit</jid></always><never><jid>montague@montague.lit</jid></never>";
      juliet.send(`<iq type='set' id='juliet3'>${prefs("roster", lists)}</iq>`);
      await juliet.expect(`<iq type='result' id='juliet3'>${prefs("roster", lists)}</iq>`);
      juliet.send(`<iq type='get' id='juliet4'><prefs xmlns='${MAM}'/></iq>`);
      await juliet.expect(`<iq type='result' id='juliet4'>${prefs("roster", lists)}</iq>`);
      expect(await store.archive.preferences(JULIET)).toEqual({
        default: "roster",
        always: ["romeo@montague.lit"],
        never: ["montague@montague.lit"],
      });
    });

    it("2.1: addresses are prepared, each is there once, and a list that is missing is empty", async () => {
      await start();
      const list = "<never><jid>Romeo@Montague.lit/Orchard</jid><jid> romeo@montague.lit/Orchard </jid></never>";
      const iq = await juliet.ask("set", prefs("always", list));
      expect(iq.attrs.type).toBe("result");
      expect(await store.archive.preferences(JULIET)).toEqual({
        default: "always",
        always: [],
        never: ["romeo@montague.lit/Orchard"],
      });
    });

    test.each([
      ["2.1.1: without a default", `<prefs xmlns='${MAM}'><always/><never/></prefs>`, "modify/bad-request"],
      ["2.1.1: another default", prefs("sometimes"), "modify/bad-request"],
      ["2.1.2: no JID", prefs("always", "<always><jid>@</jid></always>"), "modify/jid-malformed"],
      [
        "too many",
        prefs(
          "always",
          `<never>${Array.from({ length: 501 }, (_, n) => `<jid>${n}@example.com</jid>`).join("")}</never>`,
        ),
        "modify/not-acceptable",
      ],
    ])("refused, and nothing changed: %s", async (_, payload, condition) => {
      await start();
      expect(conditionOf(await juliet.ask("set", payload))).toBe(condition);
      expect(await store.archive.preferences(JULIET)).toBeUndefined();
    });
  });

  describe("section 7: determining support", () => {
    const features = async (client: ScriptedClient, to: string): Promise<unknown[]> => {
      const iq = await client.ask("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", to);
      const info = child(iq, "query", "http://jabber.org/protocol/disco#info") ?? iq;
      return childrenOf(info, "feature", "http://jabber.org/protocol/disco#info").map((feature) => feature.attrs.var);
    };
    const OURS = [MAM, `${MAM}#extended`, `${MAM}#groupchat-field`, "urn:xmpp:sid:0"];

    it("accounts announce their archives, and XEP-0359 section 5; the server, which has none, does not", async () => {
      await start();
      expect(await features(juliet, JULIET)).toEqual(expect.arrayContaining(OURS));
      for (const feature of OURS) expect(await features(juliet, "example.com")).not.toContain(feature);
      expect(conditionOf(await juliet.ask("set", `<query xmlns='${MAM}'/>`, "example.com"))).toBe(
        "cancel/service-unavailable",
      );
    });

    it("archive.enabled false: nothing is announced, and nothing is there", async () => {
      await start({ archive: { enabled: false } });
      for (const feature of OURS) expect(await features(juliet, JULIET)).not.toContain(feature);
      for (const [type, name] of [
        ["get", "query"],
        ["set", "query"],
        ["get", "metadata"],
        ["get", "prefs"],
      ] as const) {
        const iq = await juliet.ask(type, `<${name} xmlns='${MAM}'/>`);
        expect(conditionOf(iq)).toBe("cancel/service-unavailable");
      }
    });
  });

  describe("section 8.1: data privacy", () => {
    test.each([
      ["get", `<query xmlns='${MAM}'/>`],
      ["set", `<query xmlns='${MAM}' queryid='1'/>`],
      ["set", `<query xmlns='${MAM}'>${form({ ids: "x" })}</query>`],
      ["get", `<metadata xmlns='${MAM}'/>`],
      ["get", `<prefs xmlns='${MAM}'/>`],
      ["set", `<prefs xmlns='${MAM}' default='never'/>`],
    ] as const)(
      "another account's archive is forbidden, also to a friend, and also if there is none: %s %s",
      async (type, payload) => {
        await start();
        const [romeo, friend] = [await server.online("romeo"), await server.online("friend")];
        await befriend(romeo, friend);
        await store.archive.add([chat(romeo.bare, { id: "x", at: START, from: JULIET, to: romeo.bare })]);
        for (const asker of [juliet, friend]) {
          for (const account of [romeo.bare, "nobody@example.com"]) {
            asker.send(`<iq type='${type}' id='1' to='${account}'>${payload}</iq>`);
            const iq = await asker.expect(`<iq type='error' id='1' from='${account}'/>`);
            expect(conditionOf(iq)).toBe("auth/forbidden");
            expect(iq.toString().replaceAll(account, "")).toBe(
              `<iq type="error" from="" to="${asker.full}" id="1"><error type="auth"><forbidden xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`,
            );
          }
        }
        expect(await store.archive.preferences(romeo.bare)).toBeUndefined();
        await romeo.sync();
        await romeo.expectNothing();
      },
    );
  });

  describe("section 3.2: retention and deletion", () => {
    it("a deleted account's archive and preferences are gone: who has the name next finds nothing", async () => {
      await start();
      await seed(ROMEO, NURSE);
      await juliet.ask("set", `<prefs xmlns='${MAM}' default='never'/>`);
      expect((await query(juliet)).ids).toBe("a b");
      await server.admin.deleteUser("juliet");
      await juliet.until("<error xmlns='http://etherx.jabber.org/streams'/>");
      await server.admin.addUser("juliet", "secret");
      juliet = await server.client("juliet");
      expect(await query(juliet)).toMatchObject({ ids: "", complete: true, count: 0 });
      expect(child(await juliet.ask("get", `<prefs xmlns='${MAM}'/>`), "prefs", MAM)?.attrs.default).toBe("always");
      expect(await refusal(juliet, form({ "after-id": "a" }))).toBe("cancel/item-not-found");
    });

    /** Lets time pass until the archive has so few messages; each time what is due is done. */
    async function passUntil(clock: FakeClock, count: number): Promise<void> {
      for (let tries = 0; tries < 100; tries += 1) {
        clock.advance(600_000);
        await juliet.sync();
        if ((await query(juliet)).count === count) return;
      }
      throw new Error(`there are ${(await query(juliet)).count} messages, not ${count}`);
    }

    it("what is too old goes, and what is beyond the most, the oldest first and without gaps", async () => {
      const clock = new FakeClock();
      const config = { archive: { retentionDays: 10, messagesPerAccount: 150 }, limits: { idleTimeoutSeconds: 0 } };
      const at = (n: number): number => clock.now() - 20 * DAY_MS + n * 0.1 * DAY_MS;
      await store.archive.add(
        Array.from({ length: 200 }, (_, n) => chat(JULIET, { id: `m${n}`, at: at(n), from: ROMEO, to: JULIET })),
      );
      await start(config, { clock });
      await passUntil(clock, 99);
      const pages = await query(juliet, set("<max>100</max>"));
      expect(pages.ids).toBe(Array.from({ length: 99 }, (_, n) => `m${n + 101}`).join(" "));
      await store.archive.add(
        Array.from({ length: 120 }, (_, n) => chat(JULIET, { id: `n${n}`, at: clock.now(), from: ROMEO, to: JULIET })),
      );
      await passUntil(clock, 150);
      const { first } = await query(juliet, set("<max>1</max>"));
      expect(first).toBe("m170");
      expect(await refusal(juliet, form({ "after-id": "m169" }))).toBe("cancel/item-not-found");
    });
  });
});

type Told = Pick<Answer, "ids" | "complete" | "first" | "last" | "index" | "count">;

function told({ ids, complete, first, last, index, count }: Answer): Told {
  return { ids, complete, first, last, index, count };
}

/** Queries with the answers that sections 4.1 and 4.3, and XEP-0059 sections 2.2 and 2.3, give to them together. */
function* combinations(all: readonly ArchivedMessage[]): Iterable<{ content: string; expected: Told }> {
  const stamp = (n: number): string => new Date((all[n] as ArchivedMessage).at).toISOString();
  const filters: readonly { fields: Record<string, string>; matches: (one: ArchivedMessage, n: number) => boolean }[] =
    [
      { fields: {}, matches: () => true },
      { fields: { with: ROMEO }, matches: (one) => one.with === ROMEO },
      { fields: { start: stamp(100) }, matches: (one) => one.at >= (all[100] as ArchivedMessage).at },
      {
        fields: { with: NURSE, start: stamp(60), end: stamp(200) },
        matches: (one) =>
          one.with === NURSE && one.at >= (all[60] as ArchivedMessage).at && one.at <= (all[200] as ArchivedMessage).at,
      },
      { fields: { "after-id": "m052", "before-id": "m201" }, matches: (_, n) => n > 52 && n < 201 },
      { fields: { "after-id": "m201", "before-id": "m052" }, matches: () => false },
      {
        fields: { with: ROMEO, "after-id": "m051", end: stamp(150) },
        matches: (one, n) => one.with === ROMEO && n > 51 && one.at <= (all[150] as ArchivedMessage).at,
      },
      {
        fields: { with: ROMEO, "before-id": "m200", start: stamp(210) },
        matches: () => false,
      },
    ];
  const pages = [
    { set: "", after: -1, before: all.length, backward: false },
    { set: "<before/>", after: -1, before: all.length, backward: true },
    { set: "<after>m101</after>", after: 101, before: all.length, backward: false },
    { set: "<before>m150</before>", after: -1, before: 150, backward: true },
    { set: "<after>m249</after>", after: 249, before: all.length, backward: false },
  ];
  for (const filter of filters) {
    const matching = all.filter(filter.matches);
    for (const page of pages) {
      const candidates = matching.filter((one) => {
        const place = all.indexOf(one);
        return place > page.after && place < page.before;
      });
      for (const max of [1, 9, 100]) {
        const sent = page.backward ? candidates.slice(-max) : candidates.slice(0, max);
        const [first, last] = [sent[0], sent.at(-1)];
        const expected = {
          ids: sent.map(({ id }) => id).join(" "),
          complete: candidates.length <= max,
          first: first?.id,
          last: last?.id,
          index: first && matching.indexOf(first),
          count: matching.length,
        };
        const fields = Object.keys(filter.fields).length === 0 ? "" : form(filter.fields);
        yield { content: `${fields}${set(`<max>${max}</max>${page.set}`)}`, expected };
        if (max === 9) {
          const ids = expected.ids.split(" ").reverse().join(" ");
          yield {
            content: `${fields}${set(`<max>${max}</max>${page.set}`)}<flip-page/>`,
            expected: { ...expected, ids },
          };
        }
      }
    }
  }
}
