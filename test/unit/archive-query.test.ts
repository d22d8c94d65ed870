// Queries of archives, read: XEP-0313 1.1.3 section 4, with XEP-0059, XEP-0004 and XEP-0082.

import { describe, expect, test } from "vitest";
import { parseDateTime } from "../../server/archive/date-time.ts";
import { type ArchiveRequest, readQuery } from "../../server/archive/query.ts";
import { setElement } from "../../server/archive/rsm.ts";
import { serialize } from "../../server/xml/serialize.ts";
import { stanza } from "../support/stanza-match.ts";

const MAM = "urn:xmpp:mam:2";

function read(content: string, attributes = ""): ReturnType<typeof readQuery> {
  return readQuery(stanza(`<query xmlns='${MAM}' ${attributes}>${content}</query>`));
}

function field(name: string, ...values: string[]): string {
  return `<field var='${name}'>${values.map((value) => `<value>${value}</value>`).join("")}</field>`;
}

function form(...fields: string[]): string {
  return `<x xmlns='jabber:x:data' type='submit'>${field("FORM_TYPE", MAM)}${fields.join("")}</x>`;
}

function set(content: string): string {
  return `<set xmlns='http://jabber.org/protocol/rsm'>${content}</set>`;
}

function accepted(content: string, attributes = ""): ArchiveRequest {
  const request = read(content, attributes);
  if ("kind" in request) throw new Error(`${request.condition}: ${request.text}`);
  return request;
}

describe("XEP-0313 section 4.1: filters", () => {
  test("without a form everything matches, 50 at a time", () => {
    expect(accepted("", "queryid='f27'")).toEqual({
      queryid: "f27",
      filter: {},
      set: { max: 50, after: undefined, before: undefined, backward: false },
      flipped: false,
    });
  });

  test("each field has its meaning", () => {
    const { filter } = accepted(
      form(
        field("with", "Juliet@Capulet.lit"),
        field("start", "2010-06-07T00:00:00Z"),
        field("end", "2010-07-07T13:23:54Z"),
        field("after-id", "a"),
        field("before-id", "b"),
        field("ids", "1", "2"),
      ),
    );
    expect(filter).toMatchObject({
      start: Date.UTC(2010, 5, 7),
      end: Date.UTC(2010, 6, 7, 13, 23, 54),
      afterId: "a",
      beforeId: "b",
      ids: ["1", "2"],
    });
    expect(filter.with?.toString()).toBe("juliet@capulet.lit");
  });

  test.each(["true", "false", "1", "0"])("4.1.4: include-groupchat %s changes nothing", (value) => {
    expect(accepted(form(field("include-groupchat", value))).filter).toEqual({});
  });

  test("a field that is not filled in, and a text for people, are no filter", () => {
    expect(accepted(form(field("with"), field("ids"), "<field type='fixed'><value>!</value></field>")).filter).toEqual(
      {},
    );
  });

  test.each([
    [
      "4.1.5: a field that is not known",
      form(field("{http://example.com/}free-text-search", "x")),
      "feature-not-implemented",
    ],
    ["4.1.5: a field whose name only begins like a known one", form(field("ids-", "x")), "feature-not-implemented"],
    ["4.1.5: a field that is called like a property", form(field("constructor", "x")), "feature-not-implemented"],
    ["4.1.1: no JID", form(field("with", "@")), "bad-request"],
    ["4.1.1: an empty JID", form(field("with", "")), "bad-request"],
    ["4.1.1: two JIDs", form(field("with", "a@b", "c@d")), "bad-request"],
    ["4.1.2: no time", form(field("start", "yesterday")), "bad-request"],
    ["4.1.2: no such time", form(field("end", "2010-02-30T00:00:00Z")), "bad-request"],
    ["4.1.4: no boolean", form(field("include-groupchat", "perhaps")), "bad-request"],
    ["4.1.3: more ids than the server takes", form(field("ids", ...Array(101).fill("1"))), "not-acceptable"],
    ["XEP-0004: the same field twice", form(field("start"), field("start")), "bad-request"],
    ["XEP-0004: a field without a name", form("<field><value>1</value></field>"), "bad-request"],
    ["XEP-0004: two forms", form() + form(), "bad-request"],
    ["XEP-0004: not submitted", `<x xmlns='jabber:x:data' type='cancel'>${field("FORM_TYPE", MAM)}</x>`, "bad-request"],
    ["4.1: no FORM_TYPE", "<x xmlns='jabber:x:data' type='submit'/>", "bad-request"],
    [
      "4.1: another FORM_TYPE",
      `<x xmlns='jabber:x:data' type='submit'>${field("FORM_TYPE", "urn:xmpp:mam:1")}</x>`,
      "bad-request",
    ],
    ["4.1: the FORM_TYPE twice", form(field("FORM_TYPE", MAM)), "bad-request"],
  ])("refused: %s", (_, content, condition) => {
    expect(read(content)).toMatchObject({ kind: "error", condition });
  });

  test("refused: XEP-0442, a node that is not there; a queryid that is too long to be sent back each time", () => {
    expect(read("", "node='n'")).toMatchObject({ condition: "item-not-found" });
    expect(read("", `queryid='${"q".repeat(257)}'`)).toMatchObject({ condition: "not-acceptable" });
    expect(accepted("", `queryid='${"q".repeat(256)}'`).queryid).toHaveLength(256);
  });
});

describe("XEP-0059 section 2: what page", () => {
  test.each<[string, string, Partial<ArchiveRequest["set"]>]>([
    ["2.1: at most so many", "<max>10</max>", { max: 10, backward: false }],
    ["2.1: no more than the server's most", "<max>4000000000</max>", { max: 100 }],
    ["2.2: behind one", "<max>10</max><after>a</after>", { max: 10, after: "a", before: undefined, backward: false }],
    ["2.3: in front of one", "<before>b</before>", { max: 50, after: undefined, before: "b", backward: true }],
    ["2.5: the last page", "<max>10</max><before/>", { max: 10, before: undefined, backward: true }],
    ["2.7: none, for the count", "<max>0</max>", { max: 0 }],
    ["both ends", "<after>a</after><before>b</before>", { after: "a", before: "b", backward: true }],
    ["white space round a value", "<max> 10\n</max><after> a </after>", { max: 10, after: "a" }],
    ["behind nothing", "<after/>", { after: undefined, backward: false }],
  ])("%s", (_, content, expected) => {
    expect(accepted(set(content)).set).toMatchObject(expected);
  });

  test.each([
    ["2.1: max is no number", "<max>ten</max>", "bad-request"],
    ["2.1: max is empty", "<max/>", "bad-request"],
    ["2.1: max is below 0", "<max>-1</max>", "bad-request"],
    ["2.1: max has a fraction", "<max>1.5</max>", "bad-request"],
    ["2.6: by index", "<max>10</max><index>371</index>", "feature-not-implemented"],
  ])("refused: %s", (_, content, condition) => {
    expect(read(set(content))).toMatchObject({ kind: "error", condition });
  });

  test("XEP-0313 section 4.3.4: flipped", () => {
    expect(accepted(`${set("<max>10</max>")}<flip-page/>`)).toMatchObject({ flipped: true, set: { max: 10 } });
    expect(accepted("<flip-page xmlns='urn:x'/>").flipped).toBe(false);
  });

  test.each([
    [{ first: "a", last: "b", index: 0, count: 9 }, "<first index='0'>a</first><last>b</last><count>9</count>"],
    [{ first: "a", last: "a", index: undefined, count: undefined }, "<first>a</first><last>a</last>"],
    [{ first: undefined, last: undefined, index: 0, count: 790 }, "<count>790</count>"],
  ])("2.2 and 2.7: the answer %j", (answer, expected) => {
    expect(serialize(setElement(answer))).toBe(set(expected));
  });
});

describe("XEP-0082 section 3.2: DateTime", () => {
  test.each([
    ["1969-07-21T02:56:15Z", Date.UTC(1969, 6, 21, 2, 56, 15)],
    ["1969-07-20T21:56:15-05:00", Date.UTC(1969, 6, 21, 2, 56, 15)],
    ["2010-07-10T23:08:25.5Z", Date.UTC(2010, 6, 10, 23, 8, 25, 500)],
    ["2010-07-10T23:08:25.1234+02:30", Date.UTC(2010, 6, 10, 20, 38, 25, 123) + 0.4],
    ["2024-02-29T00:00:00Z", Date.UTC(2024, 1, 29)],
    ["2023-12-31T24:00:00.0Z", Date.UTC(2024, 0, 1)],
    ["0001-01-01T00:00:00Z", Date.parse("0001-01-01T00:00:00Z")],
  ])("%s", (text, expected) => {
    const parsed = parseDateTime(text);
    expect(parsed.ok && parsed.value).toBeCloseTo(expected, 2);
  });

  test.each([
    "",
    "2010-07-10",
    "2010-07-10T23:08:25",
    "2010-07-10 23:08:25Z",
    "20100710T23:08:25",
    "2010-07-10T23:08Z",
    "2010-7-10T23:08:25Z",
    "2010-07-10T23:08:25.Z",
    "2010-07-10T24:00:01Z",
    "2010-07-10T24:00:00.1Z",
    "2010-07-10T25:00:00Z",
    "2010-07-10T23:60:25Z",
    "2010-07-10T23:08:60Z",
    "2010-13-10T23:08:25Z",
    "2010-00-10T23:08:25Z",
    "2010-06-31T23:08:25Z",
    "2023-02-29T23:08:25Z",
    "2010-07-10T23:08:25+14:01",
    "2010-07-10T23:08:25+1:00",
    " 2010-07-10T23:08:25Z",
    `2010-07-10T23:08:25.${"9".repeat(31)}Z`,
  ])("refused: %j", (text) => {
    expect(parseDateTime(text).ok).toBe(false);
  });
});
