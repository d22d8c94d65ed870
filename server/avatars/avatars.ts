// XEP-0398 1.0.0: an account has one avatar. What is published as XEP-0084 has it becomes the picture of the vCard
// (XEP-0054, XEP-0153), and the other way round.
//
// Each direction looks at what is stored, and does nothing where both are the same picture already: so neither follows the
// other for ever, and what a crash left half done is made good by the next change of either. A client gets its answer when
// both are written; until then the change is not promised.

import type { PubsubItem } from "../../storage/store.ts";
import type { StanzaError } from "../errors.ts";
import type { Jid } from "../jid.ts";
import type { Photo } from "../modules/vcard-photo.ts";
import type { VcardChange, Vcards } from "../modules/vcards.ts";
import { NS } from "../namespaces.ts";
import { isError } from "../pubsub/errors.ts";
import { type NodeConfig, parseConfig } from "../pubsub/node-config.ts";
import type { Published, Pubsub, PubsubChange } from "../pubsub/pubsub.ts";
import type { Element } from "../stanza.ts";
import {
  type AvatarInfo,
  type AvatarMetadata,
  asPicture,
  avatarId,
  dataElement,
  metadataElement,
  readData,
  readMetadata,
} from "./payloads.ts";

/** A vCard may be read by anyone, and so may what is made of it. */
const PUBLIC: Partial<NodeConfig> = { accessModel: "open" };

export class Avatars {
  readonly #pubsub: Pubsub;
  readonly #vcards: Vcards;

  constructor(pubsub: Pubsub, vcards: Vcards) {
    this.#pubsub = pubsub;
    this.#vcards = vcards;
  }

  /** From now on each change of one is a change of the other. */
  connect(): void {
    this.#pubsub.onChange((change) => (concernsAvatar(change) ? this.#toVcard(change) : undefined));
    this.#vcards.onChange((change) => (change.by === "client" ? this.#toNodes(change) : undefined));
  }

  // ---- section 3.1: from the nodes to the vCard

  async #toVcard({ owner, node, kind }: PubsubChange): Promise<void> {
    const access = await this.#access(owner);
    const metadata = await this.#metadata(owner);
    if (metadata.kind === "none") {
      // Section 7: what contacts alone may see is another matter than the vCard.
      if (node === NS.avatarMetadata && access !== "restricted") await this.#setPhoto(owner, undefined);
      return;
    }
    if (metadata.kind === "elsewhere") return;
    if (access === "public") {
      const photo = await this.#find(owner, metadata.infos);
      if (photo !== undefined) await this.#setPhoto(owner, photo);
      return;
    }
    // It was public, and is not to be any more.
    if (kind === "configured" && (await this.#isShown(owner, metadata))) await this.#setPhoto(owner, undefined);
  }

  /** Section 7. `absent`: there is no data node. */
  async #access(owner: Jid): Promise<"public" | "restricted" | "absent"> {
    const node = await this.#pubsub.core.store.pubsub.node(owner.bareString, NS.avatarData);
    if (node === undefined) return "absent";
    return parseConfig(node.config).accessModel === "open" ? "public" : "restricted";
  }

  async #metadata(owner: Jid): Promise<AvatarMetadata> {
    return readMetadata((await this.#pubsub.last(owner, NS.avatarMetadata))?.xml);
  }

  /** The first of these pictures that is in the data node, and is what its id says (a SHOULD of section 3.1). */
  async #find(owner: Jid, infos: readonly AvatarInfo[]): Promise<Photo | undefined> {
    const { store } = this.#pubsub.core;
    const ids = infos.map(({ id }) => id);
    const items: readonly PubsubItem[] = await store.pubsub.itemsById(owner.bareString, NS.avatarData, ids);
    for (const { id, xml } of items) {
      const bytes = readData(xml);
      if (bytes === undefined || avatarId(bytes) !== id.toLowerCase()) continue;
      const photo = asPicture({ type: infos.find((info) => info.id === id)?.type ?? "", bytes });
      if (photo !== undefined) return photo;
    }
    return undefined;
  }

  async #isShown(owner: Jid, metadata: AvatarMetadata): Promise<boolean> {
    const photo = await this.#vcards.photo(owner);
    return photo !== undefined && has(metadata, avatarId(photo.bytes));
  }

  async #setPhoto(owner: Jid, photo: Photo | undefined): Promise<void> {
    const before = await this.#vcards.photo(owner);
    if (before === undefined ? photo === undefined : photo !== undefined && before.bytes.equals(photo.bytes)) return;
    const refused = await this.#vcards.setPhoto(owner, photo);
    if (refused === undefined) return;
    this.#log(owner, "avatar-not-in-vcard", refused);
    await this.#vcards.setPhoto(owner, undefined); // rather none than an old one
  }

  // ---- section 3.2: from the vCard to the nodes

  async #toNodes({ account, photo, photoChanged }: VcardChange): Promise<void> {
    const access = await this.#access(account);
    // Where contacts alone see the avatar, the vCard's picture may be another one; setting it anew shows it to them, too.
    if (!photoChanged && (photo === undefined || access === "restricted")) return;
    const metadata = await this.#metadata(account);
    if (photo === undefined) {
      if (access !== "restricted" && metadata.kind === "here") await this.#publishMetadata(account, undefined);
      return;
    }
    const picture = asPicture(photo);
    if (picture === undefined) return;
    const id = avatarId(picture.bytes);
    if (has(metadata, id) && (await this.#find(account, [{ id, type: picture.type }])) !== undefined) return;
    const data = await this.#publish(account, NS.avatarData, id, dataElement(picture.bytes));
    if (isError(data)) {
      this.#log(account, "avatar-not-published", data);
      return;
    }
    data.tell();
    await this.#publishMetadata(account, picture);
  }

  async #publishMetadata(account: Jid, photo: Photo | undefined): Promise<void> {
    const id = photo === undefined ? undefined : avatarId(photo.bytes);
    const metadata = await this.#publish(account, NS.avatarMetadata, id, metadataElement(photo));
    if (isError(metadata)) this.#log(account, "avatar-not-published", metadata);
    else metadata.tell();
  }

  #publish(owner: Jid, node: string, id: string | undefined, payload: Element): Promise<Published | StanzaError> {
    return this.#pubsub.publish({ owner, node, publisher: owner, id, payload, options: PUBLIC });
  }

  #log(account: Jid, event: string, { condition, text }: StanzaError): void {
    this.#pubsub.core.log.info({ account: account.bareString, condition, reason: text }, event);
  }
}

function concernsAvatar({ node, kind }: PubsubChange): boolean {
  if (node === NS.avatarMetadata) return kind !== "created" && kind !== "configured";
  return node === NS.avatarData && (kind === "published" || kind === "configured");
}

function has(metadata: AvatarMetadata, id: string): boolean {
  return metadata.kind === "here" && metadata.infos.some((info) => info.id.toLowerCase() === id);
}
