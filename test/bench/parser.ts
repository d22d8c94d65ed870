// npx tsx test/bench/parser.ts: what the XML parser costs for each stanza, beside the same over saxes (its oracle in
// test/support). Prints processor time, and the memory that strings kept from a large chunk hold on to; medians of rounds.

import { NS } from "../../server/namespaces.ts";
import { type XmlHandlers, type XmlLimits, XmlStreamParser } from "../../server/xml/parser.ts";
import { SaxesStreamParser } from "../support/saxes-stream-parser.ts";

const ROUNDS = 9;
const ROUND_MS = 150;
const LIMITS: XmlLimits = {
  stanzaBytes: 262_144,
  stanzaBytesSetting: "stanzaBytes",
  depth: 64,
  attributes: 64,
  elements: 10_000,
  xmlNameCharacters: 1_000,
};
const HEADER = Buffer.from(
  `<?xml version='1.0'?><stream:stream xmlns='${NS.client}' xmlns:stream='${NS.stream}' to='example.com' version='1.0'>`,
);

const TEXT = "Wherefore art thou, Romeo? Deny thy father and refuse thy name; or, if thou wilt not, be but sworn";
const message = (body: string): string =>
  `<message to='romeo@example.net/orchard' id='f3c1a2b4-9d7e-4a56' type='chat'><body>${body}</body><active xmlns='${NS.chatStates}'/><request xmlns='${NS.receipts}'/><origin-id xmlns='${NS.stanzaIds}' id='f3c1a2b4-9d7e-4a56'/></message>`;
const PRESENCE = `<presence id='8d2c'><show>away</show><status xml:lang='en'>retired to the chamber</status><priority>13</priority><c xmlns='${NS.caps}' hash='sha-1' node='https://example.org/client' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/><x xmlns='${NS.vcardUpdate}'><photo>01b87fcd030b72895ff8e88db57ec525450f000d</photo></x></presence>`;
const IQ = `<iq type='get' id='disco-17' to='capulet.example'><query xmlns='${NS.discoInfo}' node='https://example.org/client#QgayPKawpkPSDYmwT'/></iq>`;
const ITEM = `<iq type='set' id='avatar'><pubsub xmlns='${NS.pubsub}'><publish node='${NS.avatarData}'><item id='111f4b3c50d7b0df729d299bc6f8e9ef9066971f'><data xmlns='${NS.avatarData}'>${"qANQR1DBwU4DX7jmYZnncm".repeat(2_000)}</data></item></publish></pubsub></iq>`;

type ParserClass = new (limits: XmlLimits, handlers: XmlHandlers) => { write(chunk: Buffer): void };

const CASES: readonly { readonly name: string; readonly chunk: string; readonly stanzas: number }[] = [
  { name: "message", chunk: message(TEXT), stanzas: 1 },
  { name: "message, not ASCII", chunk: message("Чому ти є Ромео? Зречися батька й зміни ім’я"), stanzas: 1 },
  { name: "message, references", chunk: message("&lt;i&gt;art&apos;s &amp; crafts&lt;/i&gt;"), stanzas: 1 },
  { name: "presence with caps", chunk: PRESENCE, stanzas: 1 },
  { name: "iq", chunk: IQ, stanzas: 1 },
  { name: "message in a chunk of 20", chunk: message(TEXT).repeat(20), stanzas: 20 },
  { name: "pubsub item", chunk: ITEM, stanzas: 1 },
];

/** Nanoseconds of processor time for one chunk. */
function time(parserClass: ParserClass, chunk: Buffer): number {
  let elements = 0;
  const parser = new parserClass(LIMITS, { open() {}, element: () => elements++, close() {} });
  parser.write(HEADER);
  const rounds = Array.from({ length: ROUNDS + 2 }, () => {
    const start = process.cpuUsage();
    const end = performance.now() + ROUND_MS;
    let count = 0;
    for (; performance.now() < end; count += 50) for (let n = 0; n < 50; n++) parser.write(chunk);
    const { user, system } = process.cpuUsage(start);
    return ((user + system) * 1_000) / count;
  });
  if (elements === 0) throw new Error("nothing was parsed");
  return median(rounds.slice(2));
}

/** Bytes of heap for each string of 20 characters that is kept of a stanza in a chunk of 64 KiB. */
function kept(parserClass: ParserClass): number {
  const strings: string[] = [];
  let stanzas = 0;
  const handlers: XmlHandlers = {
    open() {},
    element(element) {
      if (stanzas++ % 200 === 0) strings.push(element.attrs.id as string);
    },
    close() {},
  };
  const parser = new parserClass({ ...LIMITS, stanzaBytes: 1_000_000 }, handlers);
  parser.write(HEADER);
  const stanza =
    "<message id='12345678901234567890' to='romeo@example.net'><body>Good night, good night!</body></message>";
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  for (let n = 0; n < 500; n++) parser.write(Buffer.from(stanza.repeat(Math.floor(65_536 / stanza.length))));
  globalThis.gc?.();
  return (process.memoryUsage().heapUsed - before) / strings.length;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

function print(...columns: readonly string[]): void {
  console.log(columns.map((column, index) => (index === 0 ? column.padEnd(26) : column.padStart(12))).join(""));
}

print("", "bytes", "ns", "MB/s", "saxes: ns", "MB/s", "ratio");
for (const { name, chunk, stanzas } of CASES) {
  const octets = Buffer.from(chunk);
  const [ours, theirs] = [time(XmlStreamParser, octets), time(SaxesStreamParser, octets)];
  const columns = [ours, theirs].flatMap((ns) => [
    (ns / stanzas).toFixed(0),
    ((octets.length / ns) * 1_000).toFixed(0),
  ]);
  print(name, `${octets.length / stanzas}`, ...columns, (ours / theirs).toFixed(3));
}
if (globalThis.gc !== undefined) {
  print("kept string, bytes of heap", "20", kept(XmlStreamParser).toFixed(0), "", kept(SaxesStreamParser).toFixed(0));
} else console.log("(NODE_OPTIONS=--expose-gc: also what kept strings hold on to)");
