// Inputs that ask much of a reader: one piece again and again, up to a size.

import type { Kind } from "../../gateway/convert.ts";

export type Shape = {
  readonly name: string;
  readonly from: Kind;
  readonly to: Kind;
  readonly of: (bytes: number) => Buffer;
};

const HEADERS = "Content-type: Message/CPIM\r\n\r\nFrom: <im:romeo@example.net>\r\nTo: <im:juliet@example.com>\r\n";
const TEXT = "\r\nContent-type: text/plain; charset=utf-8\r\n\r\nx";
const PIDF = `${HEADERS}\r\nContent-type: application/pidf+xml; charset=utf-8\r\n\r\n<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='pres:romeo@example.net'>`;
const OPEN = "<status><basic>open</basic></status>";

/** The frame filled with pieces, which may be numbered. */
function filled(before: string, piece: string | ((n: number) => string), after: string): (bytes: number) => Buffer {
  return (bytes) => {
    const room = bytes - Buffer.byteLength(before) - Buffer.byteLength(after);
    const pieces: string[] = [];
    let length = 0;
    for (let n = 0; ; n++) {
      const next = typeof piece === "string" ? piece : piece(n);
      length += Buffer.byteLength(next);
      if (length > room) break;
      pieces.push(next);
    }
    return Buffer.from(before + pieces.join("") + after);
  };
}

const inMessage = (piece: string | ((n: number) => string), open = "", close = ""): ((bytes: number) => Buffer) =>
  filled(`<message from='juliet@example.com/x' to='romeo@example.net'>${open}`, piece, `${close}</message>`);

export const HOSTILE: readonly Shape[] = [
  { name: "a body of line breaks", from: "xmpp", to: "cpim", of: inMessage("\n", "<body>", "</body>") },
  { name: "character references", from: "xmpp", to: "cpim", of: inMessage("&#10;", "<body>", "</body>") },
  { name: "empty elements", from: "xmpp", to: "cpim", of: inMessage("<a/>") },
  { name: "attributes of one element", from: "xmpp", to: "cpim", of: inMessage((n) => ` a${n}=''`, "<a", "/>") },
  { name: "namespace declarations", from: "xmpp", to: "cpim", of: inMessage("<a xmlns:x='urn:x' x:y=''/>") },
  {
    name: "subjects in as many languages",
    from: "xmpp",
    to: "cpim",
    of: inMessage((n) => `<subject xml:lang='a-${n}'>x</subject>`),
  },
  { name: "recipients", from: "cpim", to: "xmpp", of: filled(HEADERS, (n) => `To: <im:u${n}@e.f>\r\n`, TEXT) },
  { name: "subjects", from: "cpim", to: "xmpp", of: filled(HEADERS, (n) => `Subject:;lang=a-${n} x\r\n`, TEXT) },
  { name: "escapes", from: "cpim", to: "xmpp", of: filled(`${HEADERS}Subject: `, "\\ud83d", `\r\n${TEXT}`) },
  { name: "header parameters", from: "cpim", to: "xmpp", of: filled(`${HEADERS}Subject:`, ";a=b", ` x\r\n${TEXT}`) },
  { name: "a formal name", from: "cpim", to: "xmpp", of: filled(`${HEADERS}cc: `, "a ", `!<im:a@b.c>\r\n${TEXT}`) },
  {
    name: "quoted-printable blanks",
    from: "cpim",
    to: "xmpp",
    of: filled(
      `${HEADERS}\r\nContent-type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na`,
      " ",
      "b",
    ),
  },
  {
    name: "tuples",
    from: "cpim",
    to: "xmpp",
    of: filled(PIDF, (n) => `<tuple id='${n}'>${OPEN}</tuple>`, "</presence>"),
  },
  {
    name: "notes in as many languages",
    from: "cpim",
    to: "xmpp",
    of: filled(`${PIDF}<tuple id='a'>${OPEN}`, (n) => `<note xml:lang='a-${n}'>x</note>`, "</tuple></presence>"),
  },
  {
    name: "a tuple id of escapes",
    from: "cpim",
    to: "xmpp",
    of: filled(`${PIDF}<tuple id='`, "_x0041_", `'>${OPEN}</tuple></presence>`),
  },
  { name: "a localpart beyond ASCII", from: "jid", to: "im", of: filled("", "\u0660", "@example.com") },
  { name: "percent-encoded octets", from: "im", to: "jid", of: filled("im:", "%D9%A0", "@example.com") },
];
