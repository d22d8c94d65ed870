// Presence stanzas <-> PIDF (RFC 3922 sections 5 and 6.3).

import fc from "fast-check";
import { Element } from "ltx";
import { describe, expect, it } from "vitest";
import {
  aggregate,
  changedTuples,
  pidfToPresence,
  pidfToTuples,
  type ResourcePresence,
  type TuplePresence,
  tupleToPresence,
} from "../../gateway/map-presence.ts";
import { parsePidf, serializePidf } from "../../gateway/pidf.ts";
import { resourceOf, tupleId } from "../../gateway/tuple-id.ts";
import { parseXml, XML_BOUNDS } from "../../gateway/xml-document.ts";
import { Jid } from "../../server/jid.ts";
import { runVectors } from "../support/vectors.ts";

describe("XMPP to CPIM", () => runVectors("presence-to-cpim.json"));
describe("CPIM to XMPP", () => runVectors("cpim-to-presence.json"));

const JULIET = Jid.fromTrusted("juliet@example.com");
const ROMEO = Jid.fromTrusted("romeo@example.net");

type Said = { show?: string; status?: string; priority?: string; type?: string };

function resource(name: string, { show, status, priority, type }: Said = {}): ResourcePresence {
  const stanza = new Element("presence", type === undefined ? {} : { type });
  if (show !== undefined) stanza.c("show").t(show);
  if (status !== undefined) stanza.c("status").t(status);
  if (priority !== undefined) stanza.c("priority").t(priority);
  return { resource: name, stanza };
}

function documentOf(resources: ResourcePresence[], options?: { timestamp: string }) {
  const document = aggregate(JULIET, resources, options);
  if (!document.ok) throw new Error(document.reason);
  return document.value;
}

describe("several resources of a user (JC-41)", () => {
  it("one document with a tuple each, highest priority first, then by resource [S-6.3.1b]", () => {
    const document = documentOf([
      resource("zeta"),
      resource("alpha"),
      resource("low", { priority: "-5" }),
      resource("high", { priority: "10" }),
    ]);
    expect(document.tuples.map(({ id }) => id)).toEqual(["high", "alpha", "zeta", "low"]);
    expect(document.tuples.map(({ contact }) => contact?.priority)).toEqual([78, undefined, undefined, undefined]);
  });

  it("the one that has just left is there as closed, after the open ones [S-6.3.1d P-5.1.4b]", () => {
    const left = resource("balcony", { type: "unavailable", priority: "100", status: "gone" });
    const document = documentOf([left, resource("chamber")]);
    expect(document.tuples).toMatchObject([
      { id: "chamber", basic: "open" },
      { id: "balcony", basic: "closed", notes: [{ text: "gone" }] },
    ]);
  });

  it("the last one leaves: one closed tuple [S-6.3.2b]", () => {
    expect(documentOf([resource("balcony", { type: "unavailable" })]).tuples).toMatchObject([
      { id: "balcony", basic: "closed" },
    ]);
  });

  it("offline: one closed tuple with the id _, never zero tuples [S-6.3.2b]", () => {
    expect(documentOf([])).toEqual({
      entity: "pres:juliet@example.com",
      tuples: [{ id: "_", basic: "closed", contact: { uri: "im:juliet@example.com" }, notes: [] }],
      notes: [],
    });
  });

  it("every tuple carries the timestamp, where there is one [I-4.1.7b P-5.1.9.2b]", () => {
    const timestamp = "2026-01-02T03:04:05.678Z";
    const document = documentOf([resource("a"), resource("b", { type: "unavailable" })], { timestamp });
    expect(document.tuples.map((tuple) => tuple.timestamp)).toEqual([timestamp, timestamp]);
  });

  it("the person does what the best open resource does [P-5.1.5]", () => {
    const person = (...resources: ResourcePresence[]) => documentOf(resources).person?.activities;
    expect(person(resource("a", { show: "away" }), resource("b", { show: "dnd", priority: "5" }))).toEqual(["busy"]);
    expect(person(resource("a", { show: "away" }), resource("b", { priority: "5" }))).toBeUndefined();
    expect(person(resource("a", { show: "xa" }), resource("b", { type: "unavailable", priority: "5" }))).toEqual([
      "away",
    ]);
    expect(person(resource("a", { type: "unavailable", show: "away" }))).toBeUndefined();
  });

  it("the id of the person is none of a tuple [I-4.1.2c]", () => {
    const document = documentOf([resource("person", { show: "away" }), resource("person-", { show: "away" })]);
    expect(document.person?.id).toBe("person--");
  });

  it("im:im alone, where the gateway domain is set so [P-5.1.5]", () => {
    const text = serializePidf(documentOf([resource("a", { show: "dnd" })]), { statusForms: "im" });
    expect(text).toContain("<im:im>busy</im:im>");
    expect(text).not.toMatch(/rpid|dm:|jabber:client/);
  });

  it("what one gateway writes another reads with the same meaning [K-5 S-6.3.1a]", () => {
    const resources = [
      resource("phone", { show: "away", status: "on the road\n<fast>", priority: "0" }),
      resource("Büro 2", { priority: "127" }),
      resource("desk", { show: "chat" }),
      resource("📱", { type: "unavailable", status: "off" }),
    ];
    const read = parsePidf(Buffer.from(serializePidf(documentOf(resources))));
    const tuples = read.ok ? pidfToTuples(read.value, JULIET) : read;
    expect(tuples.ok && tuples.value).toEqual([
      { resource: "Büro 2", type: "available", statuses: [], priority: 127 },
      { resource: "desk", type: "available", show: "chat", statuses: [] },
      { resource: "phone", type: "available", show: "away", statuses: [{ text: "on the road\n<fast>" }], priority: 0 },
      { resource: "📱", type: "unavailable", statuses: [{ text: "off" }] },
    ]);
  });
});

describe("only for tuples that changed", () => {
  const orchard: TuplePresence = {
    resource: "orchard",
    type: "available",
    show: "dnd",
    statuses: [{ text: "a" }],
    priority: 1,
  };
  const desk: TuplePresence = { resource: "desk", type: "unavailable", statuses: [] };

  it("nothing changed: no stanza [S-6.3.1c]", () => {
    const again = {
      priority: 1,
      statuses: [{ text: "a" }],
      show: "dnd",
      type: "available",
      resource: "orchard",
    } as const;
    expect(changedTuples([orchard, desk], [desk, again])).toEqual([]);
  });

  it.each<[string, Partial<TuplePresence>]>([
    ["type", { type: "unavailable" }],
    ["show", { show: "away" }],
    ["status", { statuses: [{ text: "b" }] }],
    ["language of a status", { statuses: [{ text: "a", lang: "en" }] }],
    ["priority", { priority: 2 }],
  ])("another %s: its stanza alone [S-6.3.1c]", (_, change) => {
    const after = { ...orchard, ...change };
    expect(changedTuples([orchard, desk], [after, desk])).toEqual([after]);
  });

  it("a tuple that is gone: unavailable [S-6.3.1c]", () => {
    expect(changedTuples([orchard, desk], [])).toEqual([{ resource: "orchard", type: "unavailable", statuses: [] }]);
  });

  it("after a new subscription: all of them [S-6.3.1a]", () => {
    expect(changedTuples([], [orchard, desk])).toEqual([orchard, desk]);
  });

  it("a document without tuples is no news of resources [P-5.2.11c S-6.3.2a]", () => {
    const document = { entity: "pres:romeo@example.net", tuples: [], notes: [] };
    expect(pidfToTuples(document, ROMEO)).toMatchObject({ value: [{ type: "unavailable", statuses: [] }] });
    expect(pidfToTuples({ ...document, notes: [{ text: "" }] }, ROMEO)).toEqual({ ok: true, value: null });
  });

  it("the stanza of a tuple [P-5.2.1b P-5.2.9a D-4.2.2b]", () => {
    const stanza = tupleToPresence(orchard, { from: ROMEO, to: JULIET, id: "t1" });
    expect(stanza.toString()).toBe(
      '<presence from="romeo@example.net/orchard" to="juliet@example.com" id="t1">' +
        "<show>dnd</show><status>a</status><priority>1</priority></presence>",
    );
    expect(
      pidfToPresence({ entity: "pres:tybalt@example.net", tuples: [], notes: [] }, { from: ROMEO, to: JULIET }),
    ).toMatchObject({
      ok: false,
      at: "entity",
    });
  });
});

describe("tuple ids (JC-27)", () => {
  const piece = fc.constantFrom(
    "_",
    "x",
    "_x",
    "0041",
    "005F",
    "_x0041_",
    "_x0001F4F1_",
    " ",
    "a",
    "-",
    "é",
    "📱",
    "F4F1",
    "D800",
  );
  const name = fc.oneof(
    fc.string({ unit: "grapheme", minLength: 1 }),
    fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join("")),
  );

  it("every resource survives, as an NCName, unlike every other [K-5 I-4.4 P-5.1.1c]", () => {
    fc.assert(
      fc.property(name, (text) => {
        const jid = Jid.of("a", "example.com", text);
        if (!jid.ok) return;
        const id = tupleId(jid.value.resourcepart);
        expect(id).not.toContain(":");
        expect(parseXml(`<${id}/>`, { ...XML_BOUNDS, extras: "refused" })).toMatchObject({
          ok: true,
          value: { name: id },
        });
        expect(resourceOf(id)).toEqual({ ok: true, value: jid.value.resourcepart });
      }),
      { numRuns: 10_000 },
    );
  });

  it("no resource at all [I-4.4]", () => {
    expect(tupleId(undefined)).toBe("_");
    expect(resourceOf("_")).toEqual({ ok: true, value: undefined });
    expect(resourceOf(tupleId("_"))).toEqual({ ok: true, value: "_" });
  });
});
