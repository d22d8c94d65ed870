// An account's own publish-subscribe service (XEP-0060 1.30.0, XEP-0163 1.2.2): what its owner does with nodes and items.
// The changes of one account are made one after the other, so that notifications keep their order.

import type { Element } from "ltx";
import {
  type PubsubItem,
  type PubsubNode,
  type PubsubNodeState,
  type PubsubQuota,
  StoreLimitError,
} from "../../storage/store.ts";
import type { Config } from "../config.ts";
import { type StanzaError, stanzaError } from "../errors.ts";
import type { Jid } from "../jid.ts";
import type { Capabilities } from "../presence/caps.ts";
import { randomId } from "../random.ts";
import type { Core } from "../router/routing.ts";
import { namespaceOf } from "../stanza.ts";
import { Turns } from "../turns.ts";
import { serialize, withAttrs } from "../xml/serialize.ts";
import { isError, notFound, pubsubError, unsupported } from "./errors.ts";
import type { PubsubEvent } from "./events.ts";
import { configForm } from "./forms.ts";
import { defaultConfig, itemsKept, type NodeConfig, parseConfig, serializeConfig, unmet } from "./node-config.ts";
import { Notifier } from "./notifier.ts";

const NAME_CHARACTERS = 1_023;

/** Something that has happened at a node, and is on disk. */
export type PubsubChange = { readonly owner: Jid; readonly node: string } & (
  | { readonly kind: "published"; readonly item: PubsubItem }
  | { readonly kind: "retracted"; readonly id: string }
  | { readonly kind: "purged" | "deleted" | "configured" | "created" }
);

export type Publication = {
  /** Bare JID of the account. */
  readonly owner: Jid;
  readonly node: string;
  /** Full JID, or that of the account where the server itself publishes. */
  readonly publisher: Jid;
  /** Left out: one is made. */
  readonly id?: string | undefined;
  readonly payload?: Element | undefined;
  /** False: a publication without any item (section 4.3). */
  readonly item?: boolean;
  /** How the node is to be, if it comes into being now. */
  readonly options?: Partial<NodeConfig>;
  /** An existing node has to be like that, too (section 7.1.5); otherwise it stays as it is. */
  readonly strict?: boolean;
};

/** A change was made; `tell` sends the notifications of it. */
export type Done = { tell(): void };
export type Published = Done & { readonly id: string; readonly created: boolean };

/** Of a node whose content is kept elsewhere, too: has a say in what the owner's clients do with it. */
export type NodeKeeper = {
  /** Before items are retrieved; an error is the answer then. */
  beforeRetrieval?(owner: Jid): Promise<StanzaError | undefined>;
  /** The owner is shown an empty node where there is none yet. */
  readonly emptyAtFirst?: true;
  /** In place of the publication, which it makes itself. */
  publish?(publication: Publication): Promise<Published | StanzaError>;
};

export class Pubsub {
  readonly core: Core;
  readonly config: Config["pubsub"];
  readonly notifier: Notifier;
  readonly #turns = new Turns();
  /** By node. */
  readonly keepers = new Map<string, NodeKeeper>();
  readonly #listeners: ((change: PubsubChange) => void | Promise<void>)[] = [];

  constructor(core: Core, config: Config["pubsub"], capabilities: Capabilities) {
    this.core = core;
    this.config = config;
    this.notifier = new Notifier(core, capabilities);
  }

  /**
   * Is told of every change, in the turn in which it is committed. What it returns is waited for, before the owner's next
   * change: it must not make one itself before it resolves. One that fails is logged.
   */
  onChange(listener: (change: PubsubChange) => void | Promise<void>): void {
    this.#listeners.push(listener);
  }

  get quota(): PubsubQuota {
    return { nodes: this.config.nodesPerAccount, bytes: this.config.bytesPerAccount };
  }

  // ---- items

  /**
   * Publishes an item; a node that is not there comes into being (section 7.1.4).
   * Errors: those of section 7.1.3, conflict with precondition-not-met, resource-constraint for a full account.
   */
  publish(publication: Publication): Promise<Published | StanzaError> {
    return this.#change(publication.owner, () => this.#publish(publication));
  }

  async #publish({
    owner,
    node,
    publisher,
    payload,
    options = {},
    ...rest
  }: Publication): Promise<Published | StanzaError> {
    const id = rest.id ?? newName();
    if (!isName(node) || !isName(id)) return badName();
    const at = this.core.clock.now();
    const xml = payload === undefined ? "" : serialize(withAttrs(payload, { xmlns: namespaceOf(payload) }));
    const item: PubsubItem | undefined =
      rest.item === false ? undefined : { id, publisher: publisher.toString(), at, xml };
    let refused: StanzaError | undefined;
    const done = await this.core.store.pubsub.publish(
      owner.bareString,
      node,
      (found) => {
        const config = found === undefined ? { ...defaultConfig(node), ...options } : parseConfig(found.config);
        const field = rest.strict === true ? unmet(config, options, this.config) : undefined;
        refused = field === undefined ? this.#faultOf(config, item) : preconditionNotMet(field);
        if (refused !== undefined) return undefined;
        return {
          create: { config: serializeConfig(config), affiliations: [], subscriptions: [] },
          item: config.persistItems ? item : undefined,
          keep: itemsKept(config, this.config),
          since: expiryOf(config, at),
        };
      },
      this.quota,
    );
    if (done === undefined) return refused ?? stanzaError("internal-server-error");
    if (item !== undefined) await this.#happened({ kind: "published", owner, node, item });
    return { id, created: done.created, ...this.#telling(done.node, { kind: "items", item }) };
  }

  // Section 7.1.3: what does not fit the node.
  #faultOf(
    { persistItems, deliverPayloads, maxPayloadSize }: NodeConfig,
    item: PubsubItem | undefined,
  ): StanzaError | undefined {
    if (item === undefined) {
      return persistItems || deliverPayloads ? pubsubError("bad-request", "item-required") : undefined;
    }
    if (!persistItems && !deliverPayloads) return pubsubError("bad-request", "item-forbidden");
    if (deliverPayloads && item.xml === "") return pubsubError("bad-request", "payload-required");
    const most = maxPayloadSize === "max" ? this.config.itemBytes : Math.min(maxPayloadSize, this.config.itemBytes);
    if (Buffer.byteLength(item.xml) <= most) return undefined;
    return pubsubError("not-acceptable", "payload-too-big", {
      text: `a payload may have ${most} bytes (pubsub.itemBytes)`,
    });
  }

  /**
   * @param notify subscribers are told, even where the node does not ask for it
   * Errors: section 7.2.3.
   */
  retract(owner: Jid, node: string, id: string, notify = false): Promise<Done | StanzaError> {
    return this.#change(owner, async () => {
      const found = await this.#persistent(owner, node);
      if (isError(found)) return found;
      if (!(await this.core.store.pubsub.retract(owner.bareString, node, id))) return notFound();
      await this.#happened({ kind: "retracted", owner, node, id });
      const told = notify || parseConfig(found.config).notifyRetract;
      return told ? this.#telling(found, { kind: "retract", id }) : SILENT;
    });
  }

  /** Removes all items of a node. Errors: section 8.5.3. */
  purge(owner: Jid, node: string): Promise<Done | StanzaError> {
    return this.#change(owner, async () => {
      const found = await this.#persistent(owner, node);
      if (isError(found)) return found;
      await this.core.store.pubsub.purge(owner.bareString, node);
      await this.#happened({ kind: "purged", owner, node });
      return parseConfig(found.config).notifyRetract ? this.#telling(found, { kind: "purge" }) : SILENT;
    });
  }

  async #persistent(owner: Jid, node: string): Promise<PubsubNode | StanzaError> {
    const found = await this.core.store.pubsub.node(owner.bareString, node);
    if (found === undefined) return notFound();
    return parseConfig(found.config).persistItems ? found : unsupported("persistent-items");
  }

  // ---- nodes

  /**
   * @param node undefined: a name is made (section 8.1.1, an instant node)
   * @returns its name. Errors: conflict, not-acceptable, resource-constraint.
   */
  create(owner: Jid, node: string | undefined, options: Partial<NodeConfig>): Promise<string | StanzaError> {
    return this.#change(owner, async () => {
      const name = node ?? newName();
      if (!isName(name)) return badName();
      const config = serializeConfig({ ...defaultConfig(name), ...options });
      const state: PubsubNodeState = { config, affiliations: [], subscriptions: [] };
      const { store, clock } = this.core;
      const made = await store.pubsub.create(owner.bareString, name, state, clock.now(), this.quota);
      if (!made) return stanzaError("conflict");
      await this.#happened({ kind: "created", owner, node: name });
      return name;
    });
  }

  /** Errors: item-not-found. */
  delete(owner: Jid, node: string): Promise<Done | StanzaError> {
    return this.#change(owner, async () => {
      const gone = await this.core.store.pubsub.remove(owner.bareString, node);
      if (gone === undefined) return notFound();
      await this.#happened({ kind: "deleted", owner, node });
      return parseConfig(gone.config).notifyDelete ? this.#telling(gone, { kind: "delete" }) : SILENT;
    });
  }

  /** Errors: item-not-found. */
  configure(owner: Jid, node: string, options: Partial<NodeConfig>): Promise<Done | StanzaError> {
    return this.#change(owner, async () => {
      const changed = await this.update(owner, node, (found) => ({
        ...found,
        config: serializeConfig({ ...parseConfig(found.config), ...options }),
      }));
      if (changed === undefined) return notFound();
      await this.#happened({ kind: "configured", owner, node });
      const config = parseConfig(changed.after.config);
      if (!config.notifyConfig) return SILENT;
      return this.#telling(changed.after, { kind: "configuration", form: configForm(config, "result") });
    });
  }

  /** The newest item of a node that has not expired; undefined: there is none. */
  async last(owner: Jid, node: string): Promise<PubsubItem | undefined> {
    const { store, clock } = this.core;
    const found = await store.pubsub.node(owner.bareString, node);
    if (found === undefined) return undefined;
    const since = expiryOf(parseConfig(found.config), clock.now());
    return (await store.pubsub.items(owner.bareString, node, { since, backward: true, limit: 1 }))?.[0];
  }

  /** The account is gone: so is what was under way while it went. */
  forget(owner: Jid): Promise<void> {
    const { pubsub } = this.core.store;
    return this.#turns.run(owner.bareString, async () => {
      for (;;) {
        const nodes = await pubsub.nodes(owner.bareString, { limit: 100 });
        if (nodes.length === 0) return;
        for (const { name } of nodes) await pubsub.remove(owner.bareString, name);
      }
    });
  }

  /** One read-change-write of a node; undefined: it is not there. */
  update(owner: Jid, node: string, change: (node: PubsubNode) => PubsubNodeState | undefined) {
    return this.core.store.pubsub.update(owner.bareString, node, change, (config) =>
      itemsKept(parseConfig(config), this.config),
    );
  }

  // ----

  async #change<T>(owner: Jid, work: () => Promise<T | StanzaError>): Promise<T | StanzaError> {
    try {
      return await this.#turns.run(owner.bareString, work);
    } catch (error) {
      if (error instanceof StoreLimitError) return stanzaError("resource-constraint", error.message);
      throw error;
    }
  }

  async #happened(change: PubsubChange): Promise<void> {
    this.notifier.changed(change.owner.bareString, change.node);
    const told = await Promise.allSettled(this.#listeners.map(async (listener) => listener(change)));
    for (const one of told) {
      if (one.status === "rejected") this.core.log.error({ err: one.reason }, "pubsub-listener-failed");
    }
  }

  #telling(node: PubsubNode, event: PubsubEvent): Done {
    return {
      tell: () => {
        this.#tell(node, event).catch((err: unknown) => this.core.log.error({ err }, "notifications-failed"));
      },
    };
  }

  async #tell(node: PubsubNode, event: PubsubEvent): Promise<void> {
    const lapsed = await this.notifier.notify(node, event);
    if (lapsed.length === 0 || event.kind === "delete") return;
    // XEP-0163 section 7.1: who lost access loses the subscription.
    const keep = (found: PubsubNode): PubsubNodeState => ({
      ...found,
      subscriptions: found.subscriptions.filter(({ jid }) => !lapsed.includes(jid)),
    });
    await this.core.store.pubsub.update(node.owner, node.name, keep, (config) =>
      itemsKept(parseConfig(config), this.config),
    );
  }
}

const SILENT: Done = { tell() {} };

/** What was published before that time is gone. */
export function expiryOf({ itemExpire }: NodeConfig, now: number): number {
  return itemExpire === "max" ? 0 : now - itemExpire * 1_000;
}

function newName(): string {
  return randomId(12);
}

function isName(text: string): boolean {
  return text !== "" && text.length <= NAME_CHARACTERS;
}

function badName(): StanzaError {
  return stanzaError("not-acceptable", `a name has 1 to ${NAME_CHARACTERS} characters`);
}

function preconditionNotMet(field: string): StanzaError {
  return pubsubError("conflict", "precondition-not-met", { text: `the node has another ${field}` });
}
