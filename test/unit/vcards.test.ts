// Vcards: the change event and the picture, on which avatars rest.

import { parse } from "ltx";
import { describe, expect, it } from "vitest";
import { Jid } from "../../server/jid.ts";
import { silentLogger } from "../../server/log.ts";
import { photoOf, withPhoto } from "../../server/modules/vcard-photo.ts";
import { type VcardChange, Vcards } from "../../server/modules/vcards.ts";
import type { Element } from "../../server/stanza.ts";
import { createMemoryStore } from "../../storage/memory.ts";

const JULIET = Jid.fromTrusted("juliet@example.com");
const PIXEL = { type: "image/png", bytes: Buffer.from([1, 2, 3, 255]) };

function vcard(content: string): Element {
  return parse(`<vCard xmlns='vcard-temp'>${content}</vCard>`) as Element;
}

function photo(data: string, type = "<TYPE>image/png</TYPE>"): string {
  return `<PHOTO>${type}<BINVAL>${data}</BINVAL></PHOTO>`;
}

describe("the picture of a vCard", () => {
  it.each<[string, string, { type: string; bytes: number[] } | undefined]>([
    ["with its type", photo("AQID/w=="), { type: "image/png", bytes: [1, 2, 3, 255] }],
    ["with line breaks in it", photo("\n  AQ\r\n ID/w\n==\n"), { type: "image/png", bytes: [1, 2, 3, 255] }],
    ["without a type", photo("AQID/w==", ""), { type: "", bytes: [1, 2, 3, 255] }],
    ["that is empty", photo(""), undefined],
    ["that is no base64", photo("<b/>!?"), undefined],
    ["that is only linked to", "<PHOTO><EXTVAL>http://example.com/x.png</EXTVAL></PHOTO>", undefined],
    ["in another namespace", "<PHOTO xmlns='x'><BINVAL>AQID</BINVAL></PHOTO>", undefined],
    ["that is not there", "<FN>Juliet</FN>", undefined],
  ])("one %s", (_what, content, expected) => {
    const found = photoOf(vcard(content));
    expect(found && { type: found.type, bytes: [...found.bytes] }).toEqual(expected);
  });

  it("is put in, replaced and taken out, and the rest stays as it is", () => {
    const before = vcard(`<FN>Juliet</FN>${photo("AAAA")}<PHOTO xmlns='x'/>`);
    const after = withPhoto(before, PIXEL);
    expect(photoOf(after)).toEqual(PIXEL);
    expect(after?.getChild("FN")?.text()).toBe("Juliet");
    expect(before.toString()).toContain("AAAA");
    expect(withPhoto(after, undefined)?.toString()).toBe(
      '<vCard xmlns="vcard-temp"><FN>Juliet</FN><PHOTO xmlns="x"/></vCard>',
    );
    expect(withPhoto(withPhoto(undefined, PIXEL), undefined)).toBeUndefined();
  });
});

describe("changes", () => {
  function vcards(vcardBytes = 1_000): { vcards: Vcards; changes: VcardChange[] } {
    const made = new Vcards({ store: createMemoryStore().profiles, log: silentLogger(), vcardBytes });
    const changes: VcardChange[] = [];
    made.onChange((change) => void changes.push(change));
    return { vcards: made, changes };
  }

  it("are told with who made them, and whether the picture is another", async () => {
    const { vcards: made, changes } = vcards();
    await made.save(JULIET, vcard("<FN>Juliet</FN>"));
    await made.setPhoto(JULIET, PIXEL);
    await made.save(JULIET, vcard(`<FN>J.</FN>${photo("AQID/w==")}`));
    await made.save(JULIET, vcard(""));
    expect(changes.map(({ by, photoChanged, photo: now }) => [by, photoChanged, now !== undefined])).toEqual([
      ["client", false, false],
      ["server", true, true],
      ["client", false, true],
      ["client", true, false],
    ]);
    expect(changes.map(({ vcard: now }) => now?.getChild("FN")?.text())).toEqual(["Juliet", "Juliet", "J.", undefined]);
    expect(await made.load(JULIET)).toBeUndefined();
  });

  it("what a client says again is told again, for the listeners may have missed it", async () => {
    const { vcards: made, changes } = vcards();
    for (let time = 0; time < 2; time += 1) await made.save(JULIET, vcard(photo("AQID/w==")));
    expect(changes.map(({ photoChanged }) => photoChanged)).toEqual([true, false]);
  });

  it("what the server sets to what it is is not told, and neither is what is refused", async () => {
    const { vcards: made, changes } = vcards(60);
    await made.save(JULIET, vcard("<FN>Juliet</FN>"));
    await made.setPhoto(JULIET, undefined);
    expect(await made.setPhoto(JULIET, PIXEL)).toMatchObject({ condition: "policy-violation" });
    expect(changes).toHaveLength(1);
    expect(await made.photo(JULIET)).toBeUndefined();
  });

  it("a listener that fails costs the others nothing", async () => {
    const made = new Vcards({ store: createMemoryStore().profiles, log: silentLogger(), vcardBytes: 1_000 });
    const told: string[] = [];
    made.onChange(() => Promise.reject(new Error("listener")));
    made.onChange(({ account }) => void told.push(account.toString()));
    expect(await made.setPhoto(JULIET, PIXEL)).toBeUndefined();
    expect(told).toEqual(["juliet@example.com"]);
    expect(await made.photo(JULIET)).toEqual(PIXEL);
  });
});
