// Where the parts of a stream begin and end, however it is cut into chunks.

import { describe, expect, it } from "vitest";
import { Pieces } from "../../server/testing/pieces.ts";

const PARTS: readonly (readonly [text: string, completes: string])[] = [
  ["<?xml version='1.0'?>\n<stream:stream xmlns='jabber:client' to='a>b' version='1.0'>", "header"],
  ["<stream:features><a/><b x='/>'></b ></stream:features>", "element"],
  ["\n <r xmlns='urn:xmpp:sm:3'/>", "element"],
  ["<message><body>a &lt; b \"c' &#x1F600; \u{1f600}</body><body/></message>", "element"],
  ["<message><stream to='x'><stream></stream></stream></message>", "element"],
  ["<message><body><![CDATA[</message>]]]]><![CDATA[>]]></body></message>", "element"],
  ["<presence a=\"'\"  b='\"' />", "element"],
  ["<?xml version='1.0'?><stream:stream to='again'>", "header"], // after STARTTLS or login
  ["<iq\ntype='get'\tid='1'><q/></iq>", "element"],
  ["</stream:stream>", "end"],
];
const WHOLE = Buffer.from(PARTS.map(([text]) => text).join(""));

function parts(chunks: Iterable<Buffer>): [string, string][] {
  const pieces = new Pieces();
  const found: [string, string][] = [];
  let part: Buffer[] = [];
  for (const chunk of chunks) {
    for (const { bytes, completes } of pieces.split(chunk)) {
      part.push(bytes);
      if (completes === undefined) continue;
      found.push([Buffer.concat(part).toString("utf8"), completes]);
      part = [];
    }
  }
  expect(part).toEqual([]);
  return found;
}

describe("a stream in chunks", () => {
  it("of one octet, of seven, of all", () => {
    for (const size of [1, 7, WHOLE.length]) {
      const chunks = Array.from({ length: Math.ceil(WHOLE.length / size) }, (_, n) =>
        WHOLE.subarray(n * size, (n + 1) * size),
      );
      expect(parts(chunks)).toEqual(PARTS);
    }
  });

  it("cut in two at every place", () => {
    for (let at = 0; at <= WHOLE.length; at++) {
      expect(parts([WHOLE.subarray(0, at), WHOLE.subarray(at)])).toEqual(PARTS);
    }
  });
});

it("says whether a part is unfinished; white space between parts is none", () => {
  const pieces = new Pieces();
  const feed = (text: string): boolean => {
    for (const _ of pieces.split(Buffer.from(text)));
    return pieces.unfinished;
  };
  expect(["<stream:str", "eam>", " \n", "<a", "><b/>", "</a>", " "].map(feed)).toEqual([
    true,
    false,
    false,
    true,
    true,
    false,
    false,
  ]);
});
