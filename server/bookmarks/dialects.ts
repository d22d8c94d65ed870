// The dialects of bookmarks: XEP-0402 1.2.0 has an item for each room, XEP-0048 one list with all of them, be it in private
// XML (its version 1.0) or in a node. Casting from one to the other (XEP-0402 section 5.3), pure.

import { Element } from "ltx";
import { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { attr, child, elements, namespaceOf, textOf } from "../stanza.ts";
import { serialize, withAttrs } from "../xml/serialize.ts";

/** A list of XEP-0048, taken apart. */
export type BookmarkList = {
  /** By address: those that can be an item. Elements as they stand in the list. */
  readonly conferences: ReadonlyMap<string, Element>;
  /** What XEP-0402 has no place for: web pages, what is unknown, rooms whose address is none. */
  readonly rest: readonly Element[];
};

/** The address that an item id or a `jid` attribute stands for; undefined: it is no room's. */
export function roomAddress(text: string | undefined): string | undefined {
  const parsed = text === undefined ? undefined : Jid.parse(text);
  return parsed?.ok === true && parsed.value.isBare ? parsed.value.toString() : undefined;
}

/** @param storages `<storage/>` elements; of two bookmarks for one room the first counts */
export function readList(storages: readonly Element[]): BookmarkList {
  const conferences = new Map<string, Element>();
  const rest: Element[] = [];
  for (const element of storages.flatMap(elements)) {
    const isConference = element.name === "conference" && namespaceOf(element) === NS.bookmarkStorage;
    const address = isConference ? roomAddress(attr(element, "jid")) : undefined;
    if (address === undefined) rest.push(element);
    else if (!conferences.has(address)) conferences.set(address, element);
  }
  return { conferences, rest };
}

/** @param conferences payloads of items, by address */
export function writeList(conferences: ReadonlyMap<string, Element>, rest: readonly Element[]): Element {
  const storage = new Element("storage", { xmlns: NS.bookmarkStorage });
  for (const [address, conference] of conferences) storage.cnode(toListed(address, conference));
  for (const element of rest) storage.cnode(freestanding(element));
  return storage;
}

/** Section 5.3.1: an item's payload as an element of a list. */
function toListed(address: string, conference: Element): Element {
  const { nick, password, extensions } = partsOf(conference);
  const listed = new Element("conference", { jid: address, ...namesOf(conference) });
  if (nick !== undefined) listed.c("nick").t(nick);
  if (password !== undefined) listed.c("password").t(password);
  if (extensions.length > 0) {
    const parent = listed.c("extensions");
    for (const extension of extensions) parent.cnode(freestanding(extension));
  }
  return listed;
}

/**
 * Section 5.3.2: an element of a list as an item's payload.
 * @param before the payload that it replaces. What a list has no name for stays as it was there, and so do extensions: a
 *   client that knows the list alone may have left them out
 */
export function toPayload(listed: Element, before: Element | undefined): Element {
  const { nick, password, extensions } = partsOf(listed);
  const kept = before === undefined ? [] : elements(before).filter((element) => !isKnown(element));
  const attrs = before === undefined ? {} : withAttrs(before, { name: undefined, autojoin: undefined }).attrs;
  const payload = new Element("conference", { ...attrs, xmlns: NS.bookmarks, ...namesOf(listed) });
  if (nick !== undefined) payload.c("nick").t(nick);
  if (password !== undefined) payload.c("password").t(password);
  const extending = extensions.length > 0 || before === undefined ? extensions : partsOf(before).extensions;
  if (extending.length > 0) {
    const parent = payload.c("extensions");
    for (const extension of extending) parent.cnode(freestanding(extension));
  }
  for (const element of kept) payload.cnode(freestanding(element));
  return payload;
}

/** Whether two payloads of items say the same of a room. */
export function isSameBookmark(a: Element, b: Element): boolean {
  return meaning(a) === meaning(b);
}

/** Whether a list says just this, in whatever order. */
export function isSameList(
  list: BookmarkList,
  conferences: ReadonlyMap<string, Element>,
  rest: readonly Element[],
): boolean {
  if (list.conferences.size !== conferences.size || list.rest.length !== rest.length) return false;
  for (const [address, conference] of conferences) {
    const listed = list.conferences.get(address);
    if (listed === undefined || meaning(listed) !== meaning(conference)) return false;
  }
  const texts = new Set(rest.map(textIn));
  return list.rest.every((element) => texts.has(textIn(element)));
}

/** The first elements, and those of the second that are not among them. */
export function union(first: readonly Element[], second: readonly Element[]): readonly Element[] {
  const texts = new Set(first.map(textIn));
  return [...first, ...second.filter((element) => !texts.has(textIn(element)))];
}

type Parts = {
  readonly nick: string | undefined;
  readonly password: string | undefined;
  readonly extensions: readonly Element[];
};

// Either dialect. Clients put what is their own into a list's conference directly: nothing else is meant for it.
function partsOf(conference: Element): Parts {
  const ns = namespaceOf(conference);
  const text = (name: string): string | undefined => {
    const element = child(conference, name, ns);
    return element === undefined ? undefined : textOf(element);
  };
  const wrapper = child(conference, "extensions", ns);
  const own = ns === NS.bookmarkStorage ? elements(conference).filter((element) => namespaceOf(element) !== ns) : [];
  return {
    nick: text("nick"),
    password: text("password"),
    extensions: [...(wrapper === undefined ? [] : elements(wrapper)), ...own],
  };
}

function isKnown(element: Element): boolean {
  return namespaceOf(element) === NS.bookmarks && ["nick", "password", "extensions"].includes(element.name);
}

function namesOf(conference: Element): Record<string, string> {
  const [name, autojoin] = [attr(conference, "name"), attr(conference, "autojoin")];
  return {
    ...(name === undefined ? {} : { name }),
    ...(autojoin === undefined ? {} : { autojoin: isTrue(autojoin) ? "true" : "false" }),
  };
}

function isTrue(value: string | undefined): boolean {
  return value === "true" || value === "1";
}

function meaning(conference: Element): string {
  const { nick, password, extensions } = partsOf(conference);
  const name = attr(conference, "name");
  return JSON.stringify([name, isTrue(attr(conference, "autojoin")), nick, password, extensions.map(textIn)]);
}

function textIn(element: Element): string {
  return serialize(freestanding(element));
}

/** A copy that means the same in whatever it is put into. */
function freestanding(element: Element): Element {
  return withAttrs(element, { xmlns: namespaceOf(element) });
}
