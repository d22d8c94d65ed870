// The archives of accounts (XEP-0313 1.1.3): what goes into them, and for how long. modules/archive.ts answers queries.

import type { Element } from "ltx";
import type { ArchivedMessage, ArchivePreferences } from "../../storage/store.ts";
import type { EpochMs } from "../clock.ts";
import type { Config } from "../config.ts";
import type { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import type { Core } from "../router/routing.ts";
import { child, namespaceOf } from "../stanza.ts";
import { serialize, withAttrs, withChildren } from "../xml/serialize.ts";
import { type KnownPreferences, known, PreferencesCache, verdict } from "./preferences.ts";
import { ArchivePruner } from "./pruner.ts";
import { withoutForgedIds } from "./stanza-id.ts";

/** Accounts and listed addresses in memory: some MB. */
const PREFERENCES_KEPT = 50_000;

export class Archive {
  readonly #core: Core;
  readonly #default: ArchivePreferences;
  readonly #pruner: ArchivePruner;
  readonly #cache = new PreferencesCache(PREFERENCES_KEPT);
  readonly #loading = new Map<string, Promise<KnownPreferences>>();

  constructor(core: Core, config: Config["archive"]) {
    this.#core = core;
    this.#default = { default: config.default, always: [], never: [] };
    this.#pruner = new ArchivePruner(core, config);
  }

  /** Begins to prune. */
  start(): void {
    this.#pruner.start();
  }

  stop(): void {
    this.#pruner.stop();
  }

  /**
   * Whether an account keeps its messages with a contact. At once where its preferences are in memory, and for a default
   * of "roster" its roster as well.
   * @param owner bare JID of the account
   * @param contact as it stands in the message's `to` or `from`, with its resourcepart
   * Source: XEP-0441 0.2.0 section 2.
   */
  keeps(owner: string, contact: Jid): boolean | Promise<boolean> {
    const preferences = this.#known(owner);
    return preferences instanceof Promise
      ? preferences.then((loaded) => this.#decide(loaded, owner, contact))
      : this.#decide(preferences, owner, contact);
  }

  #decide(preferences: KnownPreferences, owner: string, contact: Jid): boolean | Promise<boolean> {
    const kept = verdict(preferences, contact);
    if (kept !== "roster") return kept;
    const item = this.#core.rosters.item(owner, contact.bareString);
    if (item instanceof Promise) return item.then((found) => found?.inRoster ?? false);
    return item?.inRoster ?? false;
  }

  /** An account's preferences; those of the configuration where it has set none. */
  preferences(owner: string): ArchivePreferences | Promise<ArchivePreferences> {
    const found = this.#known(owner);
    return found instanceof Promise ? found.then(({ preferences }) => preferences) : found.preferences;
  }

  /** Replaces them. Rejects with what the store rejects with; they are as before then. */
  async setPreferences(owner: string, preferences: ArchivePreferences): Promise<void> {
    await this.#core.store.archive.setPreferences(owner, preferences);
    this.#loading.delete(owner);
    this.#cache.set(owner, known(preferences));
  }

  /** The account was deleted: who has its name next begins anew. */
  forget(owner: string): void {
    this.#loading.delete(owner);
    this.#cache.delete(owner);
  }

  #known(owner: string): KnownPreferences | Promise<KnownPreferences> {
    return this.#cache.get(owner) ?? this.#loading.get(owner) ?? this.#load(owner);
  }

  #load(owner: string): Promise<KnownPreferences> {
    const loading = this.#core.store.archive.preferences(owner).then(
      (stored) => {
        const loaded = known(stored ?? this.#default);
        // Not where they were set or forgotten meanwhile.
        if (this.#loading.get(owner) === loading) {
          this.#loading.delete(owner);
          this.#cache.set(owner, loaded);
        }
        return loaded;
      },
      (error: unknown) => {
        if (this.#loading.get(owner) === loading) this.#loading.delete(owner);
        throw error;
      },
    );
    this.#loading.set(owner, loading);
    return loading;
  }

  /**
   * A message as it is stored, for ArchiveStore.add.
   * @param owner bare JID of the archive
   * @param contact the other side: who sent it, or to whom it is sent
   * @param message as the account's client sent it or gets it, `from` stamped; with its stanza-id or without
   * @param id of ArchiveStore.newId; the same that recipients are told
   */
  entry(owner: string, contact: Jid, message: Element, id: string, at: EpochMs): ArchivedMessage {
    const stored = withoutClaimedSender(withoutForgedIds(message, owner));
    // XEP-0297 section 3.2: inside <forwarded/> it stands in a namespace of its own.
    return { owner, id, with: contact.bareString, at, xml: serialize(withAttrs(stored, { xmlns: NS.client })) };
  }
}

// Section 8.4: who an occupant of a room is stands in <x/> where a room's archive is read; rooms let through one that an
// occupant wrote. Departs from it in that only the claim is taken out: an account's archive adds none, and the rest of <x/>
// marks private messages and is what an invitation consists of.
function withoutClaimedSender(message: Element): Element {
  const children = message.children as (Element | string)[];
  if (!children.some(claimsSender)) return message;
  return withChildren(
    message,
    children.map((node) => (claimsSender(node) ? withoutItems(node as Element) : node)),
  );
}

function claimsSender(node: Element | string): boolean {
  return (
    typeof node !== "string" &&
    node.name === "x" &&
    namespaceOf(node) === NS.mucUser &&
    child(node, "item", NS.mucUser) !== undefined
  );
}

function withoutItems(x: Element): Element {
  const children = x.children as (Element | string)[];
  return withChildren(
    x,
    children.filter((node) => typeof node === "string" || node.name !== "item" || namespaceOf(node) !== NS.mucUser),
  );
}
