// What avatars are made of: media types and sizes of pictures, and the payloads of XEP-0084.

import { describe, expect, it } from "vitest";
import { imageSize, imageType } from "../../server/avatars/image.ts";
import { asPicture, metadataElement, readData, readMetadata } from "../../server/avatars/payloads.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
const PNG = hex("89504e470d0a1a0a 0000000d 49484452 00000140 000000f0 0806000000");
const GIF = hex("474946383961 4001 f000 f70000");
const JPEG = hex("ffd8 ffe0 0010 4a46494600010100000100010000 ffc2 0011 08 00f0 0140 03");
const WEBP = hex("52494646 24000000 57454250 5650384c");

describe("pictures", () => {
  it.each<[string, Buffer, string | undefined, { width: number; height: number } | undefined]>([
    ["PNG", PNG, "image/png", { width: 320, height: 240 }],
    ["GIF", GIF, "image/gif", { width: 320, height: 240 }],
    ["JPEG, its frame behind another segment", JPEG, "image/jpeg", { width: 320, height: 240 }],
    ["WebP", WEBP, "image/webp", undefined],
    ["a page", Buffer.from("<html>"), undefined, undefined],
    ["nothing", Buffer.alloc(0), undefined, undefined],
  ])("%s", (_name, bytes, type, size) => {
    expect(imageType(bytes)).toBe(type);
    expect(imageSize(bytes)).toEqual(size);
  });

  it("cut off anywhere, no more is read than is there", () => {
    for (const bytes of [PNG, GIF, JPEG, WEBP]) {
      for (let length = 0; length < bytes.length; length += 1) {
        expect(() => imageSize(bytes.subarray(0, length))).not.toThrow();
      }
    }
  });

  it("a JPEG whose segments lead nowhere comes to an end", () => {
    for (const tail of ["ffe0 0000", "ffe0 ffff", "ffffffffffffffffffffffff", "ffe0 0000 0000 0000 0000 0000"]) {
      expect(imageSize(Buffer.concat([hex("ffd8"), hex(tail)]))).toBeUndefined();
    }
    const endless = Buffer.concat([hex("ffd8"), Buffer.alloc(200_000, hex("ffe00002"))]);
    expect(imageSize(endless)).toBeUndefined();
  });

  it.each<[string, Buffer, string | undefined]>([
    ["image/png", Buffer.from("x"), "image/png"],
    ["IMAGE/JPEG", PNG, "image/jpeg"],
    ["", PNG, "image/png"],
    ["PNG", PNG, "image/png"],
    ["text/html", GIF, "image/gif"],
    ["text/html", Buffer.from("x"), undefined],
    ["image/png'><script>", Buffer.from("x"), undefined],
    [`image/${"x".repeat(200)}`, Buffer.from("x"), undefined],
  ])("said to be %j", (type, bytes, expected) => {
    expect(asPicture({ type, bytes })?.type).toBe(expected);
  });
});

describe("payloads (XEP-0084 section 4)", () => {
  const metadata = (content: string): string => `<metadata xmlns='urn:xmpp:avatar:metadata'>${content}</metadata>`;

  it.each<[string, string | undefined, unknown]>([
    ["no item", undefined, { kind: "none" }],
    ["an item without a payload", "", { kind: "none" }],
    ["4.2: empty metadata", metadata(""), { kind: "none" }],
    ["3.5: the word for that in earlier versions", metadata("<stop/>"), { kind: "none" }],
    ["another element", "<metadata xmlns='urn:other'><info id='1'/></metadata>", { kind: "none" }],
    ["4.2.2: a pointer alone", metadata("<pointer><x xmlns='urn:x'/></pointer>"), { kind: "elsewhere" }],
    ["4.2.1: a URL alone", metadata("<info id='1' url='http://x'/>"), { kind: "elsewhere" }],
    [
      "4.2.1: a URL and one here",
      metadata("<info id='1' type='image/gif' url='http://x'/><info id='2' type='image/png'/>"),
      { kind: "here", infos: [{ id: "2", type: "image/png" }] },
    ],
  ])("%s", (_what, xml, expected) => {
    expect(readMetadata(xml)).toEqual(expected);
  });

  it("4.1: base64 with line feeds is accepted, and nothing else is", () => {
    const data = (content: string): string => `<data xmlns='urn:xmpp:avatar:data'>${content}</data>`;
    expect(readData(data("\nAQ\n ID\n"))).toEqual(Buffer.from([1, 2, 3]));
    for (const content of ["", "A*", "====", "<b/>"]) expect(readData(data(content))).toBeUndefined();
    expect(readData("<data xmlns='urn:other'>AQID</data>")).toBeUndefined();
  });

  it("4.2.1: an info without a size where the picture does not say it", () => {
    const info = metadataElement({ type: "image/webp", bytes: WEBP }).getChild("info");
    expect(Object.keys(info?.attrs ?? {}).sort()).toEqual(["bytes", "id", "type"]);
  });
});
