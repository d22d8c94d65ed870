// An account's bookmarks, which are the same in all dialects (XEP-0402 1.2.0 section 5.3). The items of XEP-0402 are what
// counts; beside them private XML keeps what they have no place for. The list of XEP-0048 in private XML is made of both
// when it is asked for. The one in a node is a copy: brought up to date after each change, and before it is retrieved.
//
// So a crash leaves nothing that is not put right when it is looked at: a list that a client was writing then is in the
// items as far as it went, and its client has had no answer.

import { type Element, parse } from "ltx";
import type { PrivateElement, PubsubItem } from "../../storage/store.ts";
import { type StanzaError, stanzaError } from "../errors.ts";
import type { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import type { Capabilities } from "../presence/caps.ts";
import { isError } from "../pubsub/errors.ts";
import { itemsKept, type NodeConfig, PRIVATE_CONFIG, parseConfig } from "../pubsub/node-config.ts";
import type { Publication, Published, Pubsub } from "../pubsub/pubsub.ts";
import { namespaceOf } from "../stanza.ts";
import { Turns } from "../turns.ts";
import { serialize } from "../xml/serialize.ts";
import {
  type BookmarkList,
  isSameBookmark,
  isSameList,
  readList,
  roomAddress,
  toPayload,
  union,
  writeList,
} from "./dialects.ts";

const PAGE = 100;
/** What a list may take of limits.outboxBytes. */
const OUTBOX_SHARE = 1 / 4;
/** XEP-0048 section 3.1. */
const LIST_ITEM = "current";
const LIST_CONFIG: Partial<NodeConfig> = { persistItems: true, accessModel: "whitelist" };

/** A room's item. Several ids can stand for one address. */
type Entry = { readonly ids: readonly string[]; readonly conference: Element };

type Shelf = {
  readonly entries: ReadonlyMap<string, Entry>;
  /** Items that are no bookmarks of rooms; no list shows them. */
  readonly others: number;
  readonly rest: readonly Element[];
};

/** Writes private XML: that of the list, with what else was to be written. */
export type WriteRest = (rest: PrivateElement) => Promise<void>;

export class Bookmarks {
  readonly #pubsub: Pubsub;
  readonly #capabilities: Capabilities;
  readonly #turns = new Turns();
  /** Accounts whose list in a node will be brought up to date. */
  readonly #outdated = new Set<string>();

  constructor(pubsub: Pubsub, capabilities: Capabilities) {
    this.#pubsub = pubsub;
    this.#capabilities = capabilities;
    pubsub.onChange(({ owner, node, kind }) => {
      if (node === NS.bookmarks && kind !== "created" && kind !== "configured") this.#copySoon(owner);
    });
    pubsub.keepers.set(NS.bookmarks, {
      // Dino (0.4) saves no bookmark as long as it is told "item-not-found".
      emptyAtFirst: true,
      beforeRetrieval: (owner) =>
        this.#turns.run(owner.bareString, () => this.#adopt(owner, !this.#outdated.has(owner.bareString))),
    });
    pubsub.keepers.set(NS.bookmarkStorage, {
      beforeRetrieval: (owner) =>
        this.#turns.run(owner.bareString, () => this.#copy(owner, true, !this.#outdated.has(owner.bareString))),
      publish: (publication) => this.#turns.run(publication.owner.bareString, () => this.#publishList(publication)),
    });
  }

  /** The list. Errors: resource-constraint where it is too long to be one stanza. */
  list(owner: Jid): Promise<Element | StanzaError> {
    return this.#turns.run(owner.bareString, async () => {
      const shelf = await this.#load(owner);
      return isError(shelf) ? shelf : listOf(shelf);
    });
  }

  /** A client's list in place of all bookmarks. Errors: resource-constraint. */
  replace(owner: Jid, storages: readonly Element[], write: WriteRest): Promise<StanzaError | undefined> {
    return this.#turns.run(owner.bareString, async () => {
      const refused = await this.#replace(owner, storages, write);
      this.#copySoon(owner);
      return refused;
    });
  }

  // ---- the list in a node

  async #publishList(publication: Publication): Promise<Published | StanzaError> {
    const { owner, payload } = publication;
    const isList = payload?.name === "storage" && namespaceOf(payload) === NS.bookmarkStorage;
    // First, as it may be refused for what the client expects of the node.
    const published = await this.#pubsub.publish(publication);
    if (isError(published) || payload === undefined || !isList) return published;
    const refused = await this.#replace(owner, [payload], (rest) => this.#writeRest(owner, rest));
    this.#copySoon(owner); // the client may have left out what it does not know
    return refused ?? published;
  }

  #copySoon(owner: Jid): void {
    if (this.#outdated.has(owner.bareString)) return;
    this.#outdated.add(owner.bareString);
    this.#turns
      .run(owner.bareString, async () => {
        this.#outdated.delete(owner.bareString);
        const refused = await this.#copy(owner, this.#isWanted(owner), false);
        if (refused !== undefined) this.#log(owner, refused);
      })
      .catch((err: unknown) => this.#pubsub.core.log.error({ account: owner.bareString, err }, "bookmarks-failed"));
  }

  /** Some client is to be notified. */
  #isWanted(owner: Jid): boolean {
    const sessions = this.#pubsub.core.sessions.available(owner.bareString);
    return sessions.some((session) => this.#capabilities.interests(session).has(NS.bookmarkStorage));
  }

  /**
   * Brings the list in the node up to date.
   * @param wanted even if there is no such node yet
   * @param adopting as for `#adopt`
   */
  async #copy(owner: Jid, wanted: boolean, adopting: boolean): Promise<StanzaError | undefined> {
    const node = await this.#pubsub.core.store.pubsub.node(owner.bareString, NS.bookmarkStorage);
    if (node === undefined && !wanted) return undefined;
    const shelf = await this.#load(owner, adopting);
    if (isError(shelf)) return shelf;
    const last = node === undefined ? undefined : await this.#pubsub.last(owner, NS.bookmarkStorage);
    if (isSameList(listIn(last), conferencesOf(shelf), shelf.rest)) return undefined;
    const hidden = await this.#hide(owner, NS.bookmarkStorage, LIST_CONFIG);
    if (hidden !== undefined) return hidden;
    const id = last?.id ?? LIST_ITEM;
    return this.#publish(owner, NS.bookmarkStorage, id, listOf(shelf), LIST_CONFIG);
  }

  // ---- one turn

  async #replace(owner: Jid, storages: readonly Element[], write: WriteRest): Promise<StanzaError | undefined> {
    const { conferences, rest } = readList(storages);
    const shelf = await this.#load(owner);
    if (isError(shelf)) return shelf;
    const { itemsPerNode } = this.#pubsub.config;
    if (conferences.size + shelf.others > itemsPerNode) {
      return stanzaError("resource-constraint", `at most ${itemsPerNode} bookmarks (pubsub.itemsPerNode)`);
    }
    await write(privateElement(rest));
    if (conferences.size > 0) {
      const hidden = await this.#hide(owner, NS.bookmarks, PRIVATE_CONFIG);
      if (hidden !== undefined) return hidden;
    }
    for (const [address, { ids }] of shelf.entries) {
      if (!conferences.has(address)) for (const id of ids) await this.#retract(owner, id);
    }
    for (const [address, listed] of conferences) {
      const entry = shelf.entries.get(address);
      const payload = toPayload(listed, entry?.conference);
      // Section 5.3.2: nobody is told of what has not changed.
      if (entry !== undefined && isSameBookmark(entry.conference, payload)) continue;
      const refused = await this.#publish(owner, NS.bookmarks, entry?.ids.at(-1) ?? address, payload, PRIVATE_CONFIG);
      if (refused !== undefined) return refused;
    }
    return undefined;
  }

  /**
   * Lists from before there were items, such as come with an account from another server, become items.
   * @param fromNode false: the list in the node is what has to be changed
   */
  async #adopt(owner: Jid, fromNode: boolean): Promise<StanzaError | undefined> {
    const { pubsub } = this.#pubsub.core.store;
    const stored = await this.#stored(owner);
    const hasItems = (await pubsub.node(owner.bareString, NS.bookmarks)) !== undefined;
    const last = fromNode && !hasItems ? await this.#pubsub.last(owner, NS.bookmarkStorage) : undefined;
    const inNode = listIn(last);
    const rest = union(stored.rest, inNode.rest);
    for (const [address, listed] of new Map([...inNode.conferences, ...stored.conferences])) {
      if ((await pubsub.itemsById(owner.bareString, NS.bookmarks, [address])).length > 0) continue;
      const payload = toPayload(listed, undefined);
      const refused = await this.#publish(owner, NS.bookmarks, address, payload, PRIVATE_CONFIG);
      if (refused !== undefined) return refused;
    }
    if (stored.conferences.size > 0 || rest.length > stored.rest.length) {
      await this.#writeRest(owner, privateElement(rest));
    }
    return undefined;
  }

  async #load(owner: Jid, adopting = !this.#outdated.has(owner.bareString)): Promise<Shelf | StanzaError> {
    const refused = await this.#adopt(owner, adopting);
    if (refused !== undefined) return refused;
    const entries = new Map<string, Entry>();
    let others = 0;
    let room = this.#pubsub.core.limits.outboxBytes * OUTBOX_SHARE;
    for await (const item of this.#items(owner)) {
      const address = roomAddress(item.id);
      const conference = item.xml === "" ? undefined : (parse(item.xml) as Element);
      if (
        address === undefined ||
        conference === undefined ||
        conference.name !== "conference" ||
        namespaceOf(conference) !== NS.bookmarks
      ) {
        others += 1;
        continue;
      }
      room -= item.id.length + item.xml.length;
      if (room < 0) return stanzaError("resource-constraint", "the bookmarks are too many for one list");
      entries.set(address, { ids: [...(entries.get(address)?.ids ?? []), item.id], conference });
    }
    return { entries, others, rest: (await this.#stored(owner)).rest };
  }

  async *#items(owner: Jid): AsyncGenerator<PubsubItem> {
    const { pubsub } = this.#pubsub.core.store;
    let after: { afterId?: string } = {};
    for (;;) {
      const query = { ...after, since: 0, backward: false, limit: PAGE };
      const items = (await pubsub.items(owner.bareString, NS.bookmarks, query)) ?? [];
      yield* items;
      const last = items.at(-1);
      if (last === undefined || items.length < PAGE) return;
      after = { afterId: last.id };
    }
  }

  async #stored(owner: Jid): Promise<BookmarkList> {
    const { profiles } = this.#pubsub.core.store;
    const xml = await profiles.privateXml(owner.bareString, NS.bookmarkStorage, "storage");
    if (xml === undefined) return readList([]);
    const storages = (parse(`<query xmlns='${NS.privateXml}'>${xml}</query>`) as Element).getChildElements();
    return readList(storages);
  }

  #writeRest(owner: Jid, rest: PrivateElement): Promise<void> {
    const { store, limits } = this.#pubsub.core;
    const bounds = { bytes: limits.privateXmlBytes, elements: limits.privateXmlElements };
    return store.profiles.setPrivateXml(owner.bareString, [rest], bounds);
  }

  /** XEP-0402 section 5.1: what was for the owner alone in one dialect must be in the others. */
  async #hide(owner: Jid, node: string, options: Partial<NodeConfig>): Promise<StanzaError | undefined> {
    const found = await this.#pubsub.core.store.pubsub.node(owner.bareString, node);
    if (found === undefined) return undefined;
    const config = parseConfig(found.config);
    const isRoomy = itemsKept(config, this.#pubsub.config) >= itemsKept({ ...config, ...options }, this.#pubsub.config);
    if (config.accessModel === "whitelist" && isRoomy) return undefined;
    const done = await this.#pubsub.configure(owner, node, options);
    if (isError(done)) return done;
    done.tell();
    return undefined;
  }

  async #publish(
    owner: Jid,
    node: string,
    id: string,
    payload: Element,
    options: Partial<NodeConfig>,
  ): Promise<StanzaError | undefined> {
    const done = await this.#pubsub.publish({ owner, node, publisher: owner, id, payload, options });
    if (isError(done)) return done;
    done.tell();
    return undefined;
  }

  async #retract(owner: Jid, id: string): Promise<void> {
    const done = await this.#pubsub.retract(owner, NS.bookmarks, id, true);
    if (!isError(done)) done.tell(); // otherwise another client was faster
  }

  #log(owner: Jid, { condition, text }: StanzaError): void {
    this.#pubsub.core.log.info({ account: owner.bareString, condition, reason: text }, "bookmarks-not-copied");
  }
}

function listIn(item: PubsubItem | undefined): BookmarkList {
  return readList(item === undefined || item.xml === "" ? [] : [parse(item.xml) as Element]);
}

function conferencesOf({ entries }: Shelf): ReadonlyMap<string, Element> {
  return new Map([...entries].map(([address, { conference }]) => [address, conference]));
}

function listOf(shelf: Shelf): Element {
  return writeList(conferencesOf(shelf), shelf.rest);
}

/** What private XML keeps of a list; nothing: no element. */
function privateElement(rest: readonly Element[]): PrivateElement {
  const xml = rest.length === 0 ? "" : serialize(writeList(new Map(), rest));
  return { ns: NS.bookmarkStorage, name: "storage", xml };
}
