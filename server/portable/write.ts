// Users as XEP-0227 1.1 writes them.

import { Element, parse } from "ltx";
import { NS } from "../namespaces.ts";
import { serialize, withAttrs } from "../xml/serialize.ts";
import { writeKeys } from "./credentials-part.ts";
import { writeNodes } from "./node-part.ts";
import { writeRoster } from "./roster-part.ts";
import type { PortableUser } from "./user.ts";

/** What stands before and behind the users of one domain. */
export function frame(domain: string): { readonly head: string; readonly tail: string } {
  const host = serialize(new Element("host", { jid: domain })).replace(/\/>$/, ">");
  return {
    head: `<?xml version='1.0' encoding='UTF-8'?>\n<server-data xmlns='${NS.portable}'>\n${host}\n`,
    tail: "</host>\n</server-data>\n",
  };
}

/** One `<user/>` on a line of its own. */
export function serializeUser({ name, keys, holdings }: PortableUser, domain: string): string {
  const { roster = [], offline = [], vcard, privateXml = [], nodes = [] } = holdings;
  const { query, requests } = writeRoster(roster, `${name}@${domain}`);
  const messages = offline.map(({ xml }) => serialize(withAttrs(parse(xml) as Element, { xmlns: NS.client })));
  const parts = [
    ...keys.map((pair) => serialize(writeKeys(pair))),
    serialize(query),
    ...requests,
    ...(messages.length === 0 ? [] : [`<offline-messages>${messages.join("")}</offline-messages>`]),
    ...(vcard === undefined ? [] : [vcard]),
    ...(privateXml.length === 0
      ? []
      : [`<query xmlns='${NS.privateXml}'>${privateXml.map(({ xml }) => xml).join("")}</query>`]),
    ...writeNodes(nodes).map(serialize),
  ];
  const start = serialize(new Element("user", { name })).replace(/\/>$/, ">");
  return `${start}${parts.join("")}</user>\n`;
}
