// The stateless converter: one stanza, object or address in, its counterpart out. Pure and deterministic; what
// `balcony convert` prints (server/cli/convert.ts).

import { isUtf8 } from "node:buffer";
import { Element } from "ltx";
import { NS } from "../server/namespaces.ts";
import { ok, type Result, refuse } from "../server/result.ts";
import { serialize } from "../server/xml/serialize.ts";
import { fromUri, jidToUri, type Scheme } from "./address.ts";
import { type CpimObject, MAX_OBJECT_BYTES, type NewCpimObject, parseCpim, serializeCpim } from "./cpim.ts";
import { isSecured, signsPresence } from "./e2e.ts";
import { cpimToMessages, messageToCpim } from "./map-message.ts";
import { cpimToPresence, presenceToCpim } from "./map-presence.ts";
import { mediaTypeOf } from "./mime.ts";
import { readStanza } from "./stanza-reader.ts";

export type Kind = "xmpp" | "cpim" | "jid" | "im" | "pres";

/** Exit codes as in sysexits.h: 65 is EX_DATAERR. */
export type Conversion = { readonly exit: 0; readonly output: Buffer } | { readonly exit: 65; readonly reason: string };

const CONVERTERS: Readonly<Record<string, (input: Buffer) => Result<Buffer>>> = {
  "xmpp cpim": xmppToCpim,
  "cpim xmpp": cpimToXmpp,
  "jid im": (input) => addressLine(input, (text) => jidToUri(text, "im")),
  "jid pres": (input) => addressLine(input, (text) => jidToUri(text, "pres")),
  "im jid": (input) => addressLine(input, (text) => uriToJid(text, "im")),
  "pres jid": (input) => addressLine(input, (text) => uriToJid(text, "pres")),
};

/** Whether there is a conversion between two kinds. */
export function isConvertible(from: string, to: string): boolean {
  return Object.hasOwn(CONVERTERS, `${from} ${to}`);
}

/**
 * Converts one input.
 * @param input a stanza, a Message/CPIM object with its outer MIME block, or one address on a line
 * @returns the counterpart, empty where a good input has none; stanzas come one per line
 * Errors: exit 65 and the reason. A pair that is not convertible is a refusal too.
 */
export function convert(from: Kind, to: Kind, input: Buffer): Conversion {
  const converter = isConvertible(from, to) ? CONVERTERS[`${from} ${to}`] : undefined;
  const result =
    converter === undefined
      ? refuse(`nothing converts ${from} to ${to}`)
      : input.length > MAX_OBJECT_BYTES
        ? refuse("the input is over 1 MiB")
        : converter(input);
  return result.ok ? { exit: 0, output: result.value } : { exit: 65, reason: result.reason };
}

function xmppToCpim(input: Buffer): Result<Buffer> {
  const stanza = readStanza(input);
  if (!stanza.ok) return stanza;
  const object = mapStanza(stanza.value);
  if (!object.ok) return object;
  return ok(object.value === null ? Buffer.alloc(0) : serializeCpim(object.value));
}

function mapStanza(stanza: Element): Result<NewCpimObject | null> {
  switch (stanza.name) {
    case "message":
      return messageToCpim(stanza);
    case "presence":
      return presenceToCpim(stanza);
    default:
      return refuse(`${stanza.name} has no counterpart; only message and presence have`);
  }
}

function cpimToXmpp(input: Buffer): Result<Buffer> {
  const object = parseCpim(input);
  if (!object.ok) return object;
  const stanzas = isPresence(object.value) ? cpimToPresence(object.value) : cpimToMessages(object.value);
  if (!stanzas.ok) return stanzas;
  return ok(Buffer.from(stanzas.value.map(stanzaLine).join(""), "utf8"));
}

function isPresence({ content }: CpimObject): boolean {
  const type = mediaTypeOf(content.headers);
  if (!type.ok || type.value === undefined) return false;
  return isSecured(type.value) ? signsPresence(content, type.value) : type.value.type === "application/pidf+xml";
}

// One line, whatever somebody takes for a line end.
function stanzaLine(stanza: Element): string {
  const standalone = new Element(stanza.name, { xmlns: NS.client, ...stanza.attrs });
  standalone.children = stanza.children;
  return `${serialize(standalone).replace(/[\n\u0085\u2028\u2029]/g, (char) => `&#${char.charCodeAt(0)};`)}\n`;
}

function uriToJid(text: string, scheme: Scheme): Result<string> {
  const jid = fromUri(text, [scheme]);
  return jid.ok ? ok(jid.value.toString()) : jid;
}

function addressLine(input: Buffer, map: (text: string) => Result<string>): Result<Buffer> {
  if (!isUtf8(input)) return refuse("the input is not UTF-8");
  const text = input.toString("utf8").replace(/\r?\n$/, "");
  if (/[\r\n]/.test(text)) return refuse("more than one line");
  const mapped = map(text);
  return mapped.ok ? ok(Buffer.from(`${mapped.value}\n`, "utf8")) : mapped;
}
