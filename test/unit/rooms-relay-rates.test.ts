// XEP-0045 1.35.1 sections 13.6 and 17.4: what a room passes on, how often, and whose answers it takes.

import { type Element, parse } from "ltx";
import { describe, expect, it } from "vitest";
import { Jid } from "../../server/jid.ts";
import { Rates } from "../../server/rooms/rates.ts";
import { Relay } from "../../server/rooms/relay.ts";
import { FakeClock } from "../support/fake-clock.ts";

const ROOM = "coven@rooms.example.com";
const ROMEO = Jid.fromTrusted("romeo@example.com/r");
const JULIET = Jid.fromTrusted("juliet@example.com/j");

describe("rates", () => {
  const taken = (rates: Rates, user: string, times: number): number =>
    Array.from({ length: times }, () => rates.take(user)).filter(Boolean).length;

  it("a burst, then so many in a second, never more than the burst; each user by itself", () => {
    const clock = new FakeClock();
    const rates = new Rates({ stanzasPerSecond: 2, burstStanzas: 5 }, clock);
    expect(taken(rates, "a", 10)).toBe(5);
    expect(taken(rates, "b", 10)).toBe(5);
    clock.advance(1_500);
    expect(taken(rates, "a", 10)).toBe(3);
    clock.advance(3_600_000);
    expect(taken(rates, "a", 10)).toBe(5);
  });

  it("a clock that is set back gives nothing, and takes nothing", () => {
    const clock = new FakeClock();
    const rates = new Rates({ stanzasPerSecond: 1, burstStanzas: 2 }, clock);
    expect(taken(rates, "a", 2)).toBe(2);
    clock.jump(-10_000);
    expect(taken(rates, "a", 1)).toBe(0);
    clock.advance(1_000);
    expect(taken(rates, "a", 2)).toBe(1);
  });

  it("0: as they come", () => {
    const rates = new Rates({ stanzasPerSecond: 0, burstStanzas: 1 }, new FakeClock());
    expect(taken(rates, "a", 1_000)).toBe(1_000);
  });
});

describe("relay", () => {
  const request = (id: string): Element =>
    parse(
      `<iq type='get' id='${id}' from='${ROMEO}' to='${ROOM}/jule'><query xmlns='jabber:iq:version'/></iq>`,
    ) as Element;
  const forward = (relay: Relay, id = "v1"): Element =>
    relay.forward(request(id), { asker: ROMEO, from: `${ROOM}/rom`, target: JULIET });
  const result = (id: string): Element =>
    parse(`<iq type='result' id='${id}' from='${JULIET}' to='${ROOM}/rom'/>`) as Element;

  it("goes and comes back under the room's addresses, by an id that says nothing", () => {
    const relay = new Relay(new FakeClock());
    const iq = forward(relay);
    expect(iq.attrs).toMatchObject({ from: `${ROOM}/rom`, to: JULIET.toString(), type: "get" });
    expect(iq.attrs.id).not.toBe("v1");
    const answer = relay.answer(result(iq.attrs.id as string), JULIET);
    expect(answer?.to.toString()).toBe(ROMEO.toString());
    expect(answer?.stanza.attrs).toMatchObject({
      id: "v1",
      from: `${ROOM}/jule`,
      to: ROMEO.toString(),
      type: "result",
    });
  });

  it("takes one answer, from who was asked, for a minute", () => {
    const clock = new FakeClock();
    const relay = new Relay(clock);
    const id = forward(relay).attrs.id as string;
    expect(relay.answer(result(id), Jid.fromTrusted("nurse@example.com/n"))).toBeUndefined();
    expect(relay.answer(result("other"), JULIET)).toBeUndefined();
    expect(relay.answer(result(id), JULIET)).toBeDefined();
    expect(relay.answer(result(id), JULIET)).toBeUndefined();
    const old = forward(relay).attrs.id as string;
    clock.advance(60_001);
    forward(relay);
    expect(relay.answer(result(old), JULIET)).toBeUndefined();
  });

  it("of many that are open the oldest makes room", () => {
    const relay = new Relay(new FakeClock());
    const first = forward(relay).attrs.id as string;
    let last = "";
    for (let n = 0; n < 10_000; n += 1) last = forward(relay, `v${n}`).attrs.id as string;
    expect(relay.answer(result(first), JULIET)).toBeUndefined();
    expect(relay.answer(result(last), JULIET)).toBeDefined();
  });
});
