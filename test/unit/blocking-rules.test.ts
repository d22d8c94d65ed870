// XEP-0191 1.3: which addresses a block list matches (section 6), whom nobody blocks (section 5), and what becomes of each
// kind of stanza (section 3.3). XEP-0377 0.4.1: what is read of a report.

import type { Element } from "ltx";
import { describe, expect, it } from "vitest";
import { describeReport, ReportQuota, readReport } from "../../server/blocking/reports.ts";
import { blocks, matches, verdictOf } from "../../server/blocking/rules.ts";
import { Jid } from "../../server/jid.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { stanza } from "../support/stanza-match.ts";

const jid = (text: string): Jid => Jid.fromTrusted(text);

describe("section 6: JID matching", () => {
  const USER = "u@d.example";
  it.each<[string, string, boolean]>([
    // 1. user@domain/resource: only that resource
    [`${USER}/r`, `${USER}/r`, true],
    [`${USER}/r`, `${USER}/s`, false],
    [`${USER}/r`, USER, false],
    [`${USER}/r`, "d.example", false],
    // 2. user@domain: any resource
    [USER, USER, true],
    [USER, `${USER}/r`, true],
    [USER, "v@d.example", false],
    [USER, "d.example", false],
    [USER, "u@e.example", false],
    // 3. domain/resource: only that resource
    ["d.example/r", "d.example/r", true],
    ["d.example/r", "d.example", false],
    ["d.example/r", "d.example/s", false],
    ["d.example/r", `${USER}/r`, false],
    // 4. domain: itself, any user, any resource
    ["d.example", "d.example", true],
    ["d.example", "d.example/r", true],
    ["d.example", USER, true],
    ["d.example", `${USER}/r`, true],
    ["d.example", "sub.d.example", false],
    ["d.example", "u@sub.d.example", false],
    ["sub.d.example", USER, false],
  ])("%s and %s: %s", (item, address, expected) => {
    expect(matches(new Set([item]), jid(address))).toBe(expected);
    expect(matches(new Set(["other.example", item]), jid(address))).toBe(expected);
    expect(matches(new Set(), jid(address))).toBe(false);
  });
});

describe("section 5: nobody blocks themselves", () => {
  const me = jid("me@d.example/balcony");
  it.each<[string, string, boolean]>([
    ["the own account", "me@d.example", false],
    ["an own resource", "me@d.example/other", false],
    ["the own server", "d.example", false],
    ["a resource of the own server", "d.example/announce", false],
    ["another user of the own server", "you@d.example/r", true],
    ["a service of the own server", "rooms.d.example", true],
  ])("%s (%s)", (_, address, expected) => {
    const list = new Set(["d.example", "rooms.d.example", "me@d.example", address]);
    expect(blocks(list, me, jid(address))).toBe(expected);
  });
});

describe("section 3.3: what becomes of a stanza", () => {
  const REFUSED = { condition: "service-unavailable", type: "cancel" };
  it.each<[string, unknown]>([
    ["<presence/>", "drop"],
    ["<presence type='unavailable'/>", "drop"],
    ["<presence type='probe'/>", "drop"],
    ["<presence type='error'/>", "drop"],
    ["<presence type='what'/>", "drop"],
    // for the recipient's side of the subscription machine, which drops them
    ["<presence type='subscribe'/>", "pass"],
    ["<presence type='subscribed'/>", "pass"],
    ["<presence type='unsubscribe'/>", "pass"],
    ["<presence type='unsubscribed'/>", "pass"],
    ["<message/>", REFUSED],
    ["<message type='chat'/>", REFUSED],
    ["<message type='headline'/>", REFUSED],
    ["<message type='groupchat'/>", "drop"],
    ["<iq type='get'/>", REFUSED],
    ["<iq type='set'/>", REFUSED],
  ])("inbound %s", (xml, expected) => {
    const verdict = verdictOf(stanza(xml), "inbound");
    if (typeof expected === "string") expect(verdict).toBe(expected);
    else expect(verdict).toMatchObject(expected as object);
  });

  it.each([
    "<presence/>",
    "<presence type='subscribe'/>",
    "<message/>",
    "<message type='groupchat'/>",
    "<iq type='get'/>",
  ])("outbound %s: not-acceptable with <blocked/>", (xml) => {
    expect(verdictOf(stanza(xml), "outbound")).toMatchObject({
      condition: "not-acceptable",
      type: "cancel",
      detail: { name: "blocked", ns: "urn:xmpp:blocking:errors" },
    });
  });
});

describe("XEP-0377: a report", () => {
  const romeo = jid("romeo@example.net");
  const item = (report: string): Element =>
    stanza(`<item xmlns='urn:xmpp:blocking' jid='romeo@example.net'>${report}</item>`);
  const described = (report: string): string | undefined => {
    const read = readReport(item(report), romeo);
    return read && describeReport(read);
  };

  it("section 4: a reason, and a text", () => {
    expect(described("<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'/>")).toBe(
      "romeo@example.net for spam",
    );
    expect(
      described(
        "<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:abuse'><text xml:lang='en'>\n  Never came\n  trouble. </text></report>",
      ),
    ).toBe("romeo@example.net for abuse: Never came trouble.");
    expect(described("<report xmlns='urn:xmpp:reporting:1' reason='urn:other'/>")).toBe(
      "romeo@example.net for urn:other",
    );
  });

  it("section 6: the ids of messages", () => {
    const ids = ["1", "2"].map((id) => `<stanza-id xmlns='urn:xmpp:sid:0' by='romeo@example.net' id='${id}'/>`);
    expect(
      described(`<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'>${ids.join("")}</report>`),
    ).toBe("romeo@example.net for spam (messages 1, 2)");
  });

  it.each([
    ["nothing", ""],
    ["no reason", "<report xmlns='urn:xmpp:reporting:1'/>"],
    ["an empty reason", "<report xmlns='urn:xmpp:reporting:1' reason=''/>"],
    ["another namespace", "<report xmlns='urn:xmpp:reporting:0'><spam/></report>"],
  ])("is none: %s", (_, report) => {
    expect(readReport(item(report), romeo)).toBeUndefined();
  });

  it("is bounded in every part", () => {
    const ids = Array.from({ length: 50 }, (_, n) => `<stanza-id xmlns='urn:xmpp:sid:0' id='${n}${"i".repeat(900)}'/>`);
    const read = readReport(
      item(
        `<report xmlns='urn:xmpp:reporting:1' reason='${"r".repeat(9_000)}'>${ids.join("")}<text>${"t".repeat(9_000)}</text></report>`,
      ),
      romeo,
    );
    expect(read?.stanzaIds.length).toBe(10);
    expect(describeReport(read as NonNullable<typeof read>).length).toBeLessThan(1_500);
  });

  it("counts against its account's hour, and not against another's", () => {
    const clock = new FakeClock();
    const quota = new ReportQuota(clock, 2);
    expect([quota.take("a"), quota.take("a"), quota.take("a"), quota.take("b")]).toEqual([true, true, false, true]);
    clock.advance(3_600_000);
    expect(quota.take("a")).toBe(true);
    expect(new ReportQuota(clock, 0).take("a")).toBe(false);
  });
});
