// XEP-0045 1.35.1 sections 7.2.13 and 7.2.14: how much of the discussion who comes in is shown.

import { type Element, parse } from "ltx";
import { describe, expect, it } from "vitest";
import { History, historyRequest } from "../../server/rooms/history.ts";

const ROOM = "coven@rooms.example.com";
const NOW = Date.parse("2026-01-01T12:00:00Z");

function request(attributes: string) {
  const x = `<x xmlns='http://jabber.org/protocol/muc'><history ${attributes}/></x>`;
  return historyRequest(parse(`<presence>${x}</presence>`) as Element, NOW);
}

/** Messages "0" to "9", a minute apart, the last one now. */
function filled(most = 50): History {
  const history = new History(ROOM, most);
  for (let n = 0; n < 10; n += 1) {
    const message = parse(
      `<message from='${ROOM}/jule' type='groupchat' id='${n}'><body>${n}</body></message>`,
    ) as Element;
    history.add(message, { id: `s${n}`, author: "o", at: NOW - (9 - n) * 60_000 });
  }
  return history;
}

function shown(attributes: string, most = 50, history = filled()): string {
  return history
    .select(request(attributes), most)
    .map(({ stanza }) => stanza.attrs.id)
    .join("");
}

describe("7.2.14", () => {
  const size = filled().select(request(""), 1)[0]?.textFor("").length as number;

  it.each([
    ["", "0123456789"],
    ["maxstanzas='3'", "789"],
    ["maxstanzas='0'", ""],
    ["maxstanzas='100'", "0123456789"],
    ["maxchars='0'", ""],
    [`maxchars='${size}'`, "9"],
    [`maxchars='${2 * size - 1}'`, "9"],
    [`maxchars='${2 * size}'`, "89"],
    ["seconds='180'", "6789"],
    ["seconds='0'", "9"],
    ["since='2026-01-01T11:58:00Z'", "789"],
    ["since='1970-01-01T00:00:00Z'", "0123456789"],
    ["since='2027-01-01T00:00:00Z'", ""],
    ["since='2026-01-01T11:58:00Z' maxstanzas='2'", "89"],
    ["seconds='180' since='2026-01-01T11:58:00Z'", "789"],
    ["maxstanzas='-1'", "0123456789"],
    ["since='yesterday'", "0123456789"],
  ])("%s: %s", (attributes, ids) => {
    expect(shown(attributes)).toBe(ids);
  });

  it("the room's own limit holds besides", () => {
    expect(shown("maxstanzas='5'", 2)).toBe("89");
    expect(shown("", 0)).toBe("");
  });
});

describe("7.2.13", () => {
  it("each message says when it was sent, in the room's name", () => {
    const [first] = filled().select(request("maxstanzas='1'"), 50);
    expect(first?.textFor("romeo@example.com/r")).toContain(
      `<delay xmlns='urn:xmpp:delay' from='${ROOM}' stamp='2026-01-01T12:00:00.000Z'/>`,
    );
  });

  it("no more is kept than the service allows, and none of what was retracted", () => {
    const history = filled(4);
    expect(shown("", 50, history)).toBe("6789");
    history.remove("s7");
    history.remove("s1");
    expect(shown("", 50, history)).toBe("689");
  });

  it("large messages push out more than one small one", () => {
    const history = filled();
    const body = "x".repeat(990_000);
    history.add(parse(`<message id='L'><body>${body}</body></message>`) as Element, { id: "l", author: "o", at: NOW });
    expect(shown("", 50, history).endsWith("L")).toBe(true);
    history.add(parse(`<message id='M'><body>${body}</body></message>`) as Element, { id: "m", author: "o", at: NOW });
    expect(shown("", 50, history)).toBe("M");
  });
});
