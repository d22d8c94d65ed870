// npm run bench:mapping: conversions each second for typical objects beside a bare saxes parse of their XML, and how the time
// grows with the size of hostile input up to 1 MiB, both in processor time. Prints the tables of docs/performance.md.

import { SaxesParser } from "saxes";
import { convert, type Kind } from "../../gateway/convert.ts";
import { HOSTILE } from "./hostile-shapes.ts";

const ROUNDS = 7;
const ROUND_MS = 300;
const SIZES = [65_536, 262_144, 1_048_576]; // the last is 16 times the first

type Case = {
  readonly name: string;
  readonly from: Kind;
  readonly to: Kind;
  readonly input: Buffer;
  readonly xml: string;
};

const crlf = (text: string): Buffer => Buffer.from(text.replaceAll("\n", "\r\n"));
const MESSAGE = `<message from='juliet@example.com/balcony' to='romeo@example.net' id='m7' type='chat'><body>Wherefore art thou, Romeo? Deny thy father and refuse thy name.</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>`;
const PRESENCE = `<presence from='juliet@example.com/balcony' to='romeo@example.net'><show>dnd</show><status xml:lang='en'>retired to the chamber</status><priority>13</priority><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://example.org' ver='x'/></presence>`;
const TUPLE = `<tuple id="orchard"><status><basic>open</basic><im:im>busy</im:im></status><contact priority="0.8">im:romeo@example.net</contact><note>Wooing Juliet</note><timestamp>2001-10-27T16:49:29Z</timestamp></tuple>`;
const PIDF = `<?xml version="1.0" encoding="UTF-8"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:im="urn:ietf:params:xml:ns:pidf:im" entity="pres:romeo@example.net">${TUPLE}${TUPLE.replaceAll("orchard", "desk")}</presence>`;
const HEADERS = `Content-type: Message/CPIM\n\nFrom: Romeo Montague <im:romeo@example.net>\nTo: <im:juliet@example.com>\n`;

const CASES: readonly Case[] = [
  { name: "message, XMPP to CPIM", from: "xmpp", to: "cpim", input: Buffer.from(MESSAGE), xml: MESSAGE },
  {
    name: "message, CPIM to XMPP",
    from: "cpim",
    to: "xmpp",
    input: crlf(
      `${HEADERS}Subject:;lang=en Tonight\n\nContent-type: text/plain; charset=utf-8\n\nNeither, fair saint, if either thee dislike.`,
    ),
    xml: MESSAGE, // the object itself is no XML
  },
  { name: "presence, XMPP to CPIM", from: "xmpp", to: "cpim", input: Buffer.from(PRESENCE), xml: PRESENCE },
  {
    name: "presence of two tuples, CPIM to XMPP",
    from: "cpim",
    to: "xmpp",
    input: crlf(`${HEADERS}\nContent-type: application/pidf+xml; charset=utf-8\n\n${PIDF}`),
    xml: PIDF,
  },
];

function saxes(xml: Buffer): void {
  const parser = new SaxesParser({ xmlns: true, position: false });
  parser.on("opentag", () => {});
  parser.on("text", () => {});
  parser.write(xml.toString("utf8")).close();
}

/** Milliseconds of processor time, so that a busy machine does not count. */
function cost(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Calls in a second of processor time. */
function rate(work: () => void): number {
  let [calls, ms] = [0, 0];
  while (ms < ROUND_MS) {
    ms += cost(() => {
      for (let i = 0; i < 200; i++) work();
    });
    calls += 200;
  }
  return (calls * 1000) / ms;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}

function print(...cells: (string | number)[]): void {
  process.stdout.write(`| ${cells.join(" | ")} |\n`);
}

print("conversion", "time beside a bare saxes parse", "conversions/s", "parses/s", "bytes");
print("---", "---:", "---:", "---:", "---:");
for (const { name, from, to, input, xml } of CASES) {
  const bytes = Buffer.from(xml);
  const pairs: { ours: number; bare: number }[] = [];
  // Side by side, so that both meet the same machine; the first round warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    const pair = { ours: rate(() => convert(from, to, input)), bare: rate(() => saxes(bytes)) };
    if (round > 0) pairs.push(pair);
  }
  const ratio = median(pairs.map(({ ours, bare }) => bare / ours));
  const [ours, bare] = [median(pairs.map((pair) => pair.ours)), median(pairs.map((pair) => pair.bare))];
  print(name, `${ratio.toFixed(1)} times`, Math.round(ours), Math.round(bare), input.length);
}

process.stdout.write("\n");
print("hostile input", "time for 16 times the size", ...SIZES.map((size) => `${size / 1024} KiB, ms`));
print("---", "---:", ...SIZES.map(() => "---:"));
for (const { name, from, to, of } of HOSTILE) {
  const times = SIZES.map((size) => {
    const input = of(size);
    if (input.length > size) throw new Error(`${name}: ${input.length} bytes are more than ${size}`);
    // The least of several: what the input costs, not what else the process had to do.
    return Math.min(...Array.from({ length: 7 }, () => cost(() => convert(from, to, input))));
  });
  const [first = 1, last = 1] = [times[0], times.at(-1)];
  print(name, `${(last / first).toFixed(0)} times`, ...times.map((ms) => ms.toFixed(1)));
}
