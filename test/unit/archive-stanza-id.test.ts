// XEP-0359 0.7.0: ids, and who may give them.

import { describe, expect, test } from "vitest";
import { newStanzaId, withoutForgedIds, withStanzaId } from "../../server/archive/stanza-id.ts";
import { serialize } from "../../server/xml/serialize.ts";
import { stanza } from "../support/stanza-match.ts";

const JULIET = "juliet@example.com";
const SID = "xmlns='urn:xmpp:sid:0'";

describe("section 3: business rules", () => {
  test("1: ids are unpredictable: none is like another, and they are not in order", () => {
    const ids = Array.from({ length: 1_000 }, newStanzaId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[\w-]{22}$/);
    expect(ids).not.toEqual([...ids].sort());
    for (let place = 0; place < 21; place += 1) {
      expect(new Set(ids.map((id) => id[place])).size).toBeGreaterThan(30);
    }
  });

  test.each([
    ["2: by the same address", `<stanza-id ${SID} by='juliet@example.com' id='f'/>`, true],
    [
      "7: by an address that is the same once it is prepared",
      `<stanza-id ${SID} by='Juliet@EXAMPLE.com.' id='f'/>`,
      true,
    ],
    ["2: without an id of its own", `<stanza-id ${SID} by='juliet@example.com'/>`, true],
    ["3: by one of her devices", `<stanza-id ${SID} by='juliet@example.com/balcony' id='f'/>`, false],
    ["3: by somebody else", `<stanza-id ${SID} by='room@example.org' id='f'/>`, false],
    ["3: by what is no address", `<stanza-id ${SID} by='@' id='f'/>`, false],
    ["3: by nobody", `<stanza-id ${SID} id='f'/>`, false],
    ["3: an origin-id", `<origin-id ${SID} by='juliet@example.com' id='f'/>`, false],
    ["3: of another namespace", "<stanza-id xmlns='urn:xmpp:sid:1' by='juliet@example.com' id='f'/>", false],
    ["4: deeper than a child", `<x xmlns='urn:x'><stanza-id ${SID} by='juliet@example.com' id='f'/></x>`, false],
  ])("%s", (_, element, removed) => {
    const message = stanza(`<message to='juliet@example.com'><body>a</body>${element}<thread>t</thread></message>`);
    const before = message.toString();
    const clean = withoutForgedIds(message, JULIET);
    expect(serialize(clean)).toBe(
      serialize(
        stanza(`<message to='juliet@example.com'><body>a</body>${removed ? "" : element}<thread>t</thread></message>`),
      ),
    );
    expect(message.toString()).toBe(before);
    if (!removed) expect(clean).toBe(message);
  });

  test("4: at most one by the same address, 5: with id and by, 6: and nothing in it", () => {
    const message = stanza(
      `<message><stanza-id ${SID} by='JULIET@example.com' id='1'/><stanza-id ${SID} by='room@example.org' id='2'/>` +
        `<body>a</body><stanza-id ${SID} by='juliet@example.com' id='3'/><origin-id ${SID} id='4'/></message>`,
    );
    const before = message.toString();
    expect(serialize(withStanzaId(message, JULIET, "n"))).toBe(
      `<message><stanza-id ${SID} by='room@example.org' id='2'/><body>a</body><origin-id ${SID} id='4'/>` +
        `<stanza-id ${SID} by='juliet@example.com' id='n'/></message>`,
    );
    expect(message.toString()).toBe(before);
  });
});
