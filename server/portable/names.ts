// What XEP-0227 1.1 calls its elements: which of them are gone into, which are taken as a whole, and which are left.

import { NS } from "../namespaces.ts";

/** The first is the current one; ejabberd wrote the second before the namespace was issued. */
const PORTABLE: readonly string[] = [NS.portable, "http://www.xmpp.org/extensions/xep-0227.html#ns"];

/** An element as its start tag has it, with the attributes that have no prefix. */
export type Opened = {
  readonly name: string;
  readonly ns: string;
  readonly attrs: Readonly<Record<string, string>>;
  readonly line: number;
};

/** `enter`: its children are told one by one. `whole`: it is built with all that is in it. */
export type Treatment = "enter" | "whole" | "skip";

/** How an element is read that stands within those of the path, outermost first. */
export function treatmentOf(path: readonly Opened[], element: Opened): Treatment {
  if (isInclude(element)) return path.length >= 1 && path.length <= 3 ? "whole" : "skip";
  const parent = path.at(-1);
  switch (path.length) {
    case 0:
      return isPortable(element, "server-data") ? "enter" : "skip";
    case 1:
      return isPortable(element, "host") ? "enter" : "skip";
    case 2:
      return isPortable(element, "user") ? "enter" : "skip";
    case 3:
      return partOf(element);
    case 4:
      return parent === undefined ? "skip" : withinPart(parent, element);
    default:
      return element.name === "item" && element.ns === NS.pubsub ? "whole" : "skip";
  }
}

export function isPortable({ name, ns }: Pick<Opened, "name" | "ns">, wanted: string): boolean {
  return name === wanted && PORTABLE.includes(ns);
}

/** Section 5. */
export function isInclude({ name, ns }: Pick<Opened, "name" | "ns">): boolean {
  return name === "include" && ns === NS.include;
}

/** Stanzas without a namespace of their own stand in that of the file; they are meant as clients see them. */
export function stanzaNamespace(ns: string): string {
  return PORTABLE.includes(ns) ? NS.client : ns;
}

function partOf(element: Opened): Treatment {
  const { name, ns } = element;
  if (isPortable(element, "offline-messages")) return "enter";
  if (name === "query") return ns === NS.roster || ns === NS.privateXml ? "enter" : "skip";
  if (name === "pubsub") return ns === NS.pubsub || ns === NS.pubsubOwner ? "enter" : "skip";
  if (name === "archive" && ns === NS.portableArchive) return "enter";
  const isWhole =
    (name === "scram-credentials" && ns === NS.portableScram) ||
    (name === "vCard" && ns === NS.vcard) ||
    (name === "presence" && stanzaNamespace(ns) === NS.client);
  return isWhole ? "whole" : "skip";
}

function withinPart(parent: Opened, element: Opened): Treatment {
  const { name, ns } = element;
  if (isPortable(parent, "offline-messages"))
    return name === "message" && stanzaNamespace(ns) === NS.client ? "whole" : "skip";
  switch (parent.ns) {
    case NS.roster:
      return name === "item" && ns === NS.roster ? "whole" : "skip";
    case NS.privateXml:
      return "whole";
    case NS.pubsub:
      return name === "items" && ns === NS.pubsub ? "enter" : "skip";
    case NS.pubsubOwner:
      return ns === NS.pubsubOwner ? "whole" : "skip";
    default:
      return "skip";
  }
}
