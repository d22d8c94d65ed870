// The pieces of a file (document.ts) to users of this server's domain (XEP-0227 1.1 section 4). What cannot be taken is
// counted.

import type { Element } from "ltx";
import { privateBytes } from "../../storage/bounds.ts";
import type { AccountHoldings, OfflineMessage, PrivateElement } from "../../storage/store.ts";
import { parseDateTime } from "../archive/date-time.ts";
import type { EpochMs } from "../clock.ts";
import type { Config } from "../config.ts";
import { Jid, prepareDomainpart, prepareLocalpart } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { attr, childrenOf, elements, messageType, namespaceOf } from "../stanza.ts";
import { serialize, withAttrs } from "../xml/serialize.ts";
import { readKeys, readOldKeys } from "./credentials-part.ts";
import type { Piece } from "./document.ts";
import { isPortable, type Opened } from "./names.ts";
import { type NodeElements, readNodes } from "./node-part.ts";
import { readRoster } from "./roster-part.ts";
import type { Tally } from "./tally.ts";
import type { ImportOptions, PortableUser } from "./user.ts";

/** Of all that is taken of one user: memory. */
const MOST_CHARACTERS = 8_388_608;

/** For a person. */
const PART_NAMES = { roster: "rosters", offline: "offline messages", privateXml: "private XML", nodes: "nodes" };

export type UserParts = {
  readonly domain: string;
  readonly limits: Config["limits"];
  readonly pubsub: Config["pubsub"];
  /** What has no time in the file is of now. */
  readonly now: () => EpochMs;
  readonly tally: Tally;
  /** What becomes of accounts that exist. */
  readonly existing: ImportOptions["existing"];
};

/** A user of the file, or why one is none. */
export type ReadUser =
  | { readonly ok: true; readonly user: PortableUser; readonly line: number; readonly characters: number }
  | { readonly ok: false; readonly name: string; readonly line: number; readonly reason: string };

type NodeDraft = { -readonly [Key in keyof NodeElements]: Key extends "items" ? Element[] : NodeElements[Key] };

/** What was read of a user so far. */
type Draft = {
  readonly opened: Opened;
  readonly keys: Element[];
  readonly items: Element[];
  readonly requests: Element[];
  readonly messages: Element[];
  readonly privateXml: Element[];
  readonly nodes: Map<string, NodeDraft>;
  /** Parts that are there, be it empty. */
  readonly parts: Set<keyof AccountHoldings>;
  /** Parts of which something was too large to be read. */
  readonly cut: Set<keyof AccountHoldings>;
  vcard: Element | undefined;
  characters: number;
};

export async function* readUsers(pieces: AsyncIterable<Piece>, parts: UserParts): AsyncGenerator<ReadUser> {
  const reader = new UserReader(parts);
  for await (const piece of pieces) {
    const read = reader.take(piece);
    if (read !== undefined) yield read;
  }
}

class UserReader {
  readonly #parts: UserParts;
  readonly #path: Opened[] = [];
  #isOurs = false;
  #draft: Draft | undefined;

  constructor(parts: UserParts) {
    this.#parts = parts;
  }

  /** The user that is complete now. */
  take(piece: Piece): ReadUser | undefined {
    switch (piece.kind) {
      case "entered":
        this.#enter(piece.element);
        this.#path.push(piece.element);
        return undefined;
      case "left":
        this.#path.pop();
        return this.#path.length === 2 ? this.#complete() : undefined;
      case "skipped":
        this.#skip(piece.element, piece.tooLarge);
        return undefined;
      case "whole":
        if (this.#draft !== undefined) this.#add(this.#draft, piece);
        return undefined;
    }
  }

  #enter(element: Opened): void {
    const { attrs } = element;
    switch (this.#path.length) {
      case 1: {
        const host = prepareDomainpart(attrs.jid ?? "");
        this.#isOurs = host.ok && host.value === this.#parts.domain;
        return;
      }
      case 2:
        if (this.#isOurs) this.#draft = draftOf(element);
        else
          this.#parts.tally.add(
            `accounts of ${this.#path[1]?.attrs.jid ?? "no host"}, which is not this server's domain`,
          );
        return;
      case 3: {
        const part = partOf(element);
        if (part !== undefined) this.#draft?.parts.add(part);
        return;
      }
      case 4:
        if (this.#draft !== undefined) nodeOf(this.#draft, attrs.node ?? "");
    }
  }

  #skip(element: Opened, tooLarge: boolean): void {
    if (this.#path.length >= 2 && !this.#isOurs) return;
    const parent = this.#path.at(-1);
    if (tooLarge) {
      this.#parts.tally.add(`parts that are too large: <${element.name}>`);
      this.#cut(element);
    } else if (parent?.ns === NS.portableArchive) this.#parts.tally.add("archived messages (XEP-0313)");
    else if (element.ns === NS.privacy) this.#parts.tally.add("sets of privacy lists (XEP-0016)");
    else
      this.#parts.tally.add(`elements that are not known here: <${element.name}> in ${element.ns || "no namespace"}`);
  }

  /** @param element what is left out, in the elements of the path */
  #cut(element: Opened): void {
    const part = partOf(this.#path[3] ?? element);
    if (part !== undefined) this.#draft?.cut.add(part);
  }

  #add(draft: Draft, { opened, element, characters }: Extract<Piece, { kind: "whole" }>): void {
    draft.characters += characters;
    if (draft.characters > MOST_CHARACTERS) {
      this.#parts.tally.add("parts of accounts that are larger than 8 MB");
      this.#cut(opened);
      return;
    }
    const parent = this.#path.at(-1) as Opened;
    if (this.#path.length === 3) this.#addPart(draft, opened, element);
    else if (this.#path.length === 5) nodeOf(draft, parent.attrs.node ?? "").items.push(element);
    else if (isPortable(parent, "offline-messages")) draft.messages.push(element);
    else if (parent.ns === NS.roster) draft.items.push(element);
    else if (parent.ns === NS.privateXml) draft.privateXml.push(element);
    else this.#addNodeSetting(draft, opened, element);
  }

  #addPart(draft: Draft, { name }: Opened, element: Element): void {
    if (name === "scram-credentials") draft.keys.push(element);
    else if (name === "vCard") draft.vcard = element;
    else if (attr(element, "type") === "subscribe") {
      draft.parts.add("roster");
      draft.requests.push(element);
    } else this.#parts.tally.add("presence of another type than subscribe");
  }

  #addNodeSetting(draft: Draft, { name, attrs }: Opened, element: Element): void {
    const node = nodeOf(draft, attrs.node ?? "");
    if (name === "configure") node.configure = element;
    else if (name === "affiliations") node.affiliations = element;
    else if (name === "subscriptions") node.subscriptions = element;
    else this.#parts.tally.add(`elements that are not known here: <${name}> in ${NS.pubsubOwner}`);
  }

  #complete(): ReadUser | undefined {
    const draft = this.#draft;
    this.#draft = undefined;
    if (draft === undefined) return undefined;
    const { attrs, line } = draft.opened;
    const name = attrs.name ?? "";
    const localpart = prepareLocalpart(name);
    if (!localpart.ok) return { ok: false, name, line, reason: localpart.reason };
    const owner = Jid.fromTrusted(`${localpart.value}@${this.#parts.domain}`);
    return { ok: true, user: this.#userOf(draft, owner), line, characters: draft.characters };
  }

  #userOf(draft: Draft, owner: Jid): PortableUser {
    const { limits, pubsub, tally, now } = this.#parts;
    const { password } = draft.opened.attrs;
    const old = password === undefined ? undefined : readOldKeys(password);
    const keys = readKeys(draft.keys, tally);
    const read: AccountHoldings = {
      ...(draft.parts.has("roster") && { roster: readRoster(draft, owner, limits, tally) }),
      ...(draft.parts.has("offline") && { offline: readMessages(draft.messages, owner, this.#parts) }),
      ...readVcard(draft.vcard, limits.vcardBytes, tally),
      ...(draft.parts.has("privateXml") && { privateXml: readPrivateXml(draft.privateXml, limits, tally) }),
      ...(draft.parts.has("nodes") && {
        nodes: readNodes([...draft.nodes.values()], owner, { limits: pubsub, at: now(), tally }),
      }),
    };
    const holdings = this.#parts.existing === "replace" ? withoutCut(read, draft, tally) : read;
    const name = owner.localpart as string;
    if (password !== undefined && password !== "" && old === undefined) return { name, password, keys: [], holdings };
    const found = keys.length > 0 || old === undefined ? keys : [old];
    if (found.length === 0) tally.add("passwords: accounts without any, until you set one with balcony user passwd");
    return { name, keys: found, holdings };
  }
}

function draftOf(opened: Opened): Draft {
  return {
    opened,
    keys: [],
    items: [],
    requests: [],
    messages: [],
    privateXml: [],
    nodes: new Map(),
    parts: new Set(),
    cut: new Set(),
    vcard: undefined,
    characters: 0,
  };
}

/** Which part of an account stands in a child of `<user/>`; undefined: one that is no list, or is not taken. */
function partOf(element: Opened): "roster" | "offline" | "privateXml" | "nodes" | undefined {
  if (isPortable(element, "offline-messages")) return "offline";
  if (element.name === "presence") return element.attrs.type === "subscribe" ? "roster" : undefined;
  switch (element.ns) {
    case NS.roster:
      return "roster";
    case NS.privateXml:
      return "privateXml";
    case NS.pubsub:
    case NS.pubsubOwner:
      return "nodes";
    default:
      return undefined;
  }
}

/** Without parts that must not take the place of what is there: those that were cut, or of which nothing can be taken. */
function withoutCut(read: AccountHoldings, draft: Draft, tally: Tally): AccountHoldings {
  const given = {
    roster: draft.items.length + draft.requests.length,
    offline: draft.messages.length,
    privateXml: draft.privateXml.length,
    nodes: draft.nodes.size,
  };
  const kept: { -readonly [Part in keyof AccountHoldings]: AccountHoldings[Part] } = { ...read };
  for (const part of ["roster", "offline", "privateXml", "nodes"] as const) {
    if (!draft.cut.has(part) && (given[part] === 0 || read[part]?.length !== 0)) continue;
    delete kept[part];
    tally.add(`parts that replace nothing, for not all of them can be taken: ${PART_NAMES[part]}`);
  }
  return kept;
}

function nodeOf(draft: Draft, name: string): NodeDraft {
  const known = draft.nodes.get(name);
  if (known !== undefined) return known;
  const node: NodeDraft = { name, items: [] };
  draft.nodes.set(name, node);
  return node;
}

/** Section 4.5. */
function readMessages(given: readonly Element[], owner: Jid, parts: UserParts): Omit<OfflineMessage, "id">[] {
  const { limits, tally, now } = parts;
  const read: Omit<OfflineMessage, "id">[] = [];
  for (const element of given) {
    const from = Jid.parse(attr(element, "from") ?? "");
    const to = Jid.parse(attr(element, "to") ?? owner.bareString);
    const type = messageType(element);
    if (!from.ok || !to.ok || type === "error" || type === "groupchat") {
      tally.add("offline messages without a valid sender, or of a type that is not kept");
      continue;
    }
    const delays = childrenOf(element, "delay", NS.delay).map((delay) => parseDateTime(attr(delay, "stamp") ?? ""));
    const stamp = delays.find(({ ok }) => ok);
    const at = stamp?.ok ? Math.trunc(stamp.value) : now();
    const isOwn = to.value.bareString === owner.bareString;
    const addressed = isOwn ? to.value.toString() : owner.bareString;
    const xml = serialize(withAttrs(element, { from: from.value.toString(), to: addressed, xmlns: undefined }));
    if (Buffer.byteLength(xml) > limits.stanzaBytes) tally.add("offline messages larger than limits.stanzaBytes");
    else if (read.length >= limits.offlineMessages) tally.add("offline messages beyond limits.offlineMessages");
    else read.push({ xml, at });
  }
  return read;
}

/** Section 4.7. */
function readVcard(vcard: Element | undefined, most: number, tally: Tally): { vcard?: string } {
  if (vcard === undefined || elements(vcard).length === 0) return {};
  const xml = serialize(vcard);
  if (Buffer.byteLength(xml) <= most) return { vcard: xml };
  tally.add("vCards larger than limits.vcardBytes");
  return {};
}

/** Section 4.6. There may be several elements of one name and namespace (XEP-0049 section 2.3). */
function readPrivateXml(given: readonly Element[], limits: Config["limits"], tally: Tally): PrivateElement[] {
  const kinds = new Map<string, PrivateElement>();
  let bytes = 0;
  for (const element of given) {
    const ns = namespaceOf(element);
    const key = `${element.name} ${ns}`;
    const known = kinds.get(key);
    const grown = { ns, name: element.name, xml: (known?.xml ?? "") + serialize(element) };
    const after = bytes + privateBytes(grown) - (known === undefined ? 0 : privateBytes(known));
    if (ns === "" || ns === NS.client || ns === NS.privateXml) tally.add("private XML without a namespace of its own");
    else if (known === undefined && kinds.size >= limits.privateXmlElements) {
      tally.add("private XML beyond limits.privateXmlElements");
    } else if (after > limits.privateXmlBytes) tally.add("private XML beyond limits.privateXmlBytes");
    else {
      bytes = after;
      kinds.set(key, grown);
    }
  }
  return [...kinds.values()];
}
