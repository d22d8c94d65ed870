// What reaches either side of the gateway, in a few words, for tables of tests.

import type { Element } from "ltx";
import { child, namespaceOf, textOf } from "../../server/stanza.ts";
import type { Answer, ForeignEvent } from "./foreign.ts";
import { JULIET, STANZAS } from "./stage.ts";

/** One after the other; "-" for none. */
export function list(words: readonly string[]): string {
  return words.length === 0 ? "-" : words.join(", ");
}

/** What reaches Juliet: a roster push, or presence of the resource of Romeo's that is named. */
export function stanzaText(stanza: Element): string {
  const query = child(stanza, "query", "jabber:iq:roster");
  if (stanza.name === "iq" && query === undefined) return String(stanza.attrs.type);
  if (query !== undefined) return `push ${itemText(child(query, "item", "jabber:iq:roster") as Element)}`;
  const [type, from] = [stanza.attrs.type as string | undefined, stanza.attrs.from as string];
  const whose = from.startsWith(JULIET) ? "her own" : from.split("/")[1];
  if (type === "error") {
    const error = child(stanza, "error") as Element;
    const condition = (error.children as Element[]).find((element) => namespaceOf(element) === STANZAS);
    const words = ["error", error.attrs.type, error.attrs.code, condition?.name, stanza.attrs.id];
    return words.filter((word) => word !== undefined).join(" ");
  }
  const show = child(stanza, "show");
  const id = stanza.attrs.id === undefined || whose === "her own" ? undefined : `id ${stanza.attrs.id}`;
  const words = [type ?? "available", whose, show === undefined ? undefined : textOf(show), id];
  return words.filter((word) => word !== undefined).join(" ");
}

function itemText({ attrs }: Element): string {
  return [attrs.subscription, attrs.ask, attrs.approved === "true" ? "approved" : undefined]
    .filter((word) => word !== undefined)
    .join(" ");
}

/** What answers an HTTP call: its status, and the condition or status in its body. */
export function answerText({ status, headers, json }: Answer): string {
  const type = headers.get("content-type") ?? "";
  if (type.includes("pidf")) return `→${status} PIDF`;
  if (!type.includes("json")) return `→${status}`;
  const { condition, status: said } = json<{ condition?: string; status?: string }>();
  return ["→", status, " ", condition ?? (typeof said === "string" ? said : "")].join("").trim();
}

/** An event of the gateway's. */
export function eventText({ event, data }: ForeignEvent): string {
  const transId = /^[a-z]\d$/.test(data.transId as string) ? [data.transId as string] : []; // another one is the gateway's own
  if (event === "notify") {
    const shows = [...(data.object as string).matchAll(/<tuple id="(\w+)">[\s\S]*?<basic>(\w+)</g)];
    const tuples = shows.map(([, id, basic]) => `${id} ${basic}`);
    return ["notify", ...tuples, ...transId].join(" ");
  }
  const words = [event, ...transId, data.status, data.condition ?? data.reason];
  return words.filter((word) => word !== undefined).join(" ");
}
