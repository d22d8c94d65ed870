// XEP-0352 1.0.0 section 3.2: what an inactive client gets later, and that it then has everything it needs.

import fc from "fast-check";
import { type Element, parse } from "ltx";
import { describe, expect, it } from "vitest";
import { carbonOf } from "../../server/router/carbons.ts";
import { type ClientState, DeferredStanzas, type Importance, importance } from "../../server/session/client-state.ts";

const LIMITS = { maxStanzas: 100, maxBytes: 10_000 };
const COMPOSING = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
const ROOM = "http://jabber.org/protocol/muc#user";

function stanzaOf(xml: string): Element {
  return parse(xml) as Element;
}

describe("importance", () => {
  const TABLE: [what: string, xml: string, kind: Importance][] = [
    ["available presence", "<presence from='a@b/c'><show>away</show></presence>", "presence"],
    ["unavailable presence", "<presence from='a@b/c' type='unavailable'/>", "presence"],
    [
      "presence of an occupant",
      `<presence from='r@b/c'><x xmlns='${ROOM}'><item role='none'/></x></presence>`,
      "presence",
    ],
    [
      "presence of the user's own occupant",
      `<presence from='r@b/me' type='unavailable'><x xmlns='${ROOM}'><status code='307'/><status code='110'/></x></presence>`,
      "now",
    ],
    ["a subscription request", "<presence from='a@b' type='subscribe'/>", "now"],
    ["a subscription's approval", "<presence from='a@b' type='subscribed'/>", "now"],
    ["a subscription's refusal", "<presence from='a@b' type='unsubscribed'/>", "now"],
    ["a presence error", "<presence from='a@b' type='error'/>", "now"],
    ["presence from nobody", "<presence/>", "now"],
    ["an iq", "<iq type='get' id='1'/>", "now"],
    ["a chat state alone", `<message from='a@b/c' type='chat'>${COMPOSING}</message>`, "chat-state"],
    ["a chat state with its thread", `<message type='chat'>${COMPOSING}<thread>t</thread></message>`, "chat-state"],
    [
      "a chat state with hints, stamps and ids",
      `<message type='chat'>${COMPOSING}<no-store xmlns='urn:xmpp:hints'/><delay xmlns='urn:xmpp:delay'/><origin-id xmlns='urn:xmpp:sid:0'/></message>`,
      "chat-state",
    ],
    [
      "a chat state in a room",
      `<message from='r@b/c' type='groupchat'>${COMPOSING}<occupant-id xmlns='urn:xmpp:occupant-id:0' id='1'/></message>`,
      "chat-state",
    ],
    ["a chat state of an occupant", `<message type='chat'>${COMPOSING}<x xmlns='${ROOM}'/></message>`, "chat-state"],
    ["a message without content", "<message type='chat'/>", "chat-state"],
    ["a message with a body", `<message type='chat'><body>b</body>${COMPOSING}</message>`, "now"],
    ["a message with an empty body", "<message type='chat'><body/></message>", "now"],
    ["an encrypted message", "<message type='chat'><encrypted xmlns='urn:xmpp:omemo:2'/></message>", "now"],
    ["an encrypted message of RFC 3923", "<message><e2e xmlns='urn:ietf:params:xml:ns:xmpp-e2e'/></message>", "now"],
    ["a room's subject", "<message type='groupchat'><subject>s</subject></message>", "now"],
    [
      "a headline",
      "<message type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'/></message>",
      "now",
    ],
    ["a receipt", "<message><received xmlns='urn:xmpp:receipts' id='1'/></message>", "now"],
    ["a chat marker", "<message><displayed xmlns='urn:xmpp:chat-markers:0' id='1'/></message>", "now"],
    ["a mediated invitation", `<message><x xmlns='${ROOM}'><invite from='a@b'/></x></message>`, "now"],
    ["an unknown payload", "<message><foo xmlns='urn:example:foo'/></message>", "now"],
    ["a thread in another namespace", "<message><thread xmlns='urn:example:foo'/></message>", "now"],
    ["a message error", "<message type='error'/>", "now"],
    ["a chat state that came back", `<message type='error'>${COMPOSING}</message>`, "now"],
    ["a broken copy", "<message><sent xmlns='urn:xmpp:carbons:2'/></message>", "now"],
  ];

  it.each(TABLE)("%s", (_what, xml, kind) => {
    expect(importance(stanzaOf(xml))).toBe(kind);
  });

  it.each(TABLE.filter(([, xml]) => xml.startsWith("<message")))(
    "the copy of %s is as important",
    (_what, xml, kind) => {
      for (const direction of ["sent", "received"] as const) {
        expect(importance(stanzaOf(carbonOf(direction, stanzaOf(xml), "a@b")("a@b/c")))).toBe(kind);
      }
    },
  );

  it("of the copy of a copy is not looked into further", () => {
    const once = carbonOf("sent", stanzaOf(`<message type='chat'>${COMPOSING}</message>`), "a@b")("a@b/c");
    expect(importance(stanzaOf(carbonOf("sent", stanzaOf(once), "a@b")("a@b/c")))).toBe("now");
  });
});

type Step = [act: "offer", kind: Importance, text: string, key: string] | [act: "become", state: ClientState];

/** What the client is sent, in order. */
function play(steps: readonly Step[], deferred = new DeferredStanzas(LIMITS)): string[] {
  const sent: string[] = [];
  for (const step of steps) {
    if (step[0] === "become") {
      sent.push(...deferred.become(step[1]));
      continue;
    }
    const [, kind, text, key] = step;
    const before = deferred.offer(kind, text, key);
    if (before !== undefined) sent.push(...before, text);
  }
  return sent;
}

describe("what is sent when", () => {
  const INACTIVE: Step = ["become", "inactive"];
  const ACTIVE: Step = ["become", "active"];
  const DETACHED: Step = ["become", "detached"];
  const p = (text: string, key = "a"): Step => ["offer", "presence", text, key];
  const c = (text: string, key = "a"): Step => ["offer", "chat-state", text, key];
  const m = (text: string): Step => ["offer", "now", text, "a"];

  const TABLE: [what: string, steps: Step[], sent: string][] = [
    ["active: everything, at once", [p("p1"), c("c1"), m("m1"), p("p2")], "p1 c1 m1 p2"],
    ["inactive: no states", [INACTIVE, p("p1"), c("c1")], ""],
    ["inactive: an important stanza, behind what was kept", [INACTIVE, p("p1"), c("c1"), m("m1"), p("p2")], "p1 c1 m1"],
    ["active again: what was kept, in order", [INACTIVE, c("c1"), p("p1"), ACTIVE, p("p2")], "c1 p1 p2"],
    ["of one sender the newest, in its place", [INACTIVE, p("p1"), p("q1", "b"), p("p2"), ACTIVE], "q1 p2"],
    ["presence and chat state of one sender are two things", [INACTIVE, p("p1"), c("c1"), p("p2"), ACTIVE], "c1 p2"],
    ["inactive twice is inactive", [INACTIVE, p("p1"), INACTIVE, p("p2"), ACTIVE], "p2"],
    ["active twice is active", [ACTIVE, ACTIVE, p("p1")], "p1"],
    ["nothing is sent twice", [INACTIVE, p("p1"), m("m1"), ACTIVE, INACTIVE, ACTIVE], "p1 m1"],
    ["detached: important stanzas alone", [DETACHED, p("p1"), m("m1"), p("q1", "b"), m("m2")], "m1 m2"],
    ["resumed: presence behind them", [DETACHED, p("p1"), m("m1"), p("p2"), p("q1", "b"), ACTIVE], "m1 p2 q1"],
    ["detached: chat states are lost", [INACTIVE, c("c1"), DETACHED, c("c2"), ACTIVE], ""],
    ["detached: what an inactive client had not had", [INACTIVE, p("p1"), DETACHED, m("m1"), ACTIVE], "m1 p1"],
    ["resumed as inactive is resumed", [DETACHED, p("p1"), INACTIVE, p("p2")], "p1"],
  ];

  it.each(TABLE)("%s", (_what, steps, sent) => {
    expect(play(steps).join(" ")).toBe(sent);
  });

  it.each([
    ["stanzas", { maxStanzas: 2, maxBytes: 10_000 }],
    ["bytes", { maxStanzas: 100, maxBytes: 5 }],
  ])("inactive, its room full of %s: everything goes, and it begins anew", (_what, limits) => {
    const deferred = new DeferredStanzas(limits);
    const sent = play([INACTIVE, p("p1"), p("q1", "b"), p("q2", "b"), p("r1", "c")], deferred);
    expect(sent.join(" ")).toBe("p1 q2 r1");
    expect(deferred.length).toBe(0);
    expect(play([p("p2"), ACTIVE], deferred).join(" ")).toBe("p2");
    expect(deferred.complete).toBe(true);
  });

  it("one stanza that is bigger than the room goes at once", () => {
    expect(
      play([INACTIVE, p("p1"), p("big big big", "b")], new DeferredStanzas({ maxStanzas: 9, maxBytes: 9 })),
    ).toEqual(["p1", "big big big"]);
  });

  it("detached, its room full: nothing is kept, and it says so", () => {
    const deferred = new DeferredStanzas({ maxStanzas: 2, maxBytes: 10_000 });
    expect(play([DETACHED, p("p1"), p("q1", "b"), p("p2")], deferred)).toEqual([]);
    expect(deferred.complete).toBe(true);
    expect(play([p("r1", "c"), p("p3"), m("m1")], deferred)).toEqual(["m1"]);
    expect([deferred.complete, deferred.length]).toEqual([false, 0]);
  });
});

describe("whatever comes, in whatever state", () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.tuple(fc.constant("presence" as const), fc.constantFrom("a/1", "a/2", "b/1", "c/1")) },
    { weight: 2, arbitrary: fc.tuple(fc.constant("chat-state" as const), fc.constantFrom("a/1", "b/1")) },
    { weight: 2, arbitrary: fc.tuple(fc.constant("now" as const), fc.constant("a/1")) },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.constant("become" as const), fc.constantFrom("active", "inactive", "detached")),
    },
  );

  it("an active client has every important stanza in order, and the newest presence of every JID, once", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 5 }), (run, maxStanzas) => {
        const deferred = new DeferredStanzas({ maxStanzas, maxBytes: 1_000 });
        const steps: Step[] = run.map(([act, what], index) =>
          act === "become" ? [act, what as ClientState] : ["offer", act, `${act} ${what} ${index}`, what],
        );
        const sent = play([...steps, ["become", "active"]], deferred);
        const offered = steps.filter((each): each is Extract<Step, ["offer", ...unknown[]]> => each[0] === "offer");

        expect(new Set(sent).size).toBe(sent.length);
        const important = (text: string) => text.startsWith("now");
        expect(sent.filter(important)).toEqual(offered.map(([, , text]) => text).filter(important));
        // Of one JID nothing older comes behind something newer.
        for (const key of new Set(offered.map(([, kind, , jid]) => `${kind} ${jid}`))) {
          const indexes = sent
            .filter((text) => text.startsWith(`${key} `))
            .map((text) => Number(text.split(" ").at(-1)));
          expect(indexes).toEqual([...indexes].sort((a, b) => a - b));
        }
        if (!deferred.complete) return;
        for (const jid of new Set(offered.filter(([, kind]) => kind === "presence").map(([, , , of]) => of))) {
          const mine = (text: string) => text.startsWith(`presence ${jid} `);
          expect(sent.filter(mine).at(-1)).toBe(
            offered
              .map(([, , text]) => text)
              .filter(mine)
              .at(-1),
          );
        }
      }),
      { numRuns: 500 },
    );
  });

  it("a connected client that gets an important stanza has the newest presence of every JID before it", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (run) => {
        const deferred = new DeferredStanzas(LIMITS);
        deferred.become("inactive");
        const newest = new Map<string, string>();
        const had = new Map<string, string>();
        for (const [index, [kind, jid]] of run.entries()) {
          if (kind === "become") continue;
          const text = `${kind} ${jid} ${index}`;
          const before = deferred.offer(kind, text, jid);
          for (const each of before ?? []) had.set(each.split(" ").slice(0, 2).join(" "), each);
          if (kind !== "now") newest.set(`${kind} ${jid}`, text);
          else expect(had).toEqual(newest);
        }
      }),
    );
  });
});
