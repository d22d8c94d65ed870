// The vCards of accounts (XEP-0054 1.3.0). They are changed here and nowhere else, so that what hangs on them (avatars:
// XEP-0153, XEP-0398) hears of every change.

import { type Element, parse } from "ltx";
import type { ProfileStore } from "../../storage/store.ts";
import { type StanzaError, stanzaError } from "../errors.ts";
import type { Jid } from "../jid.ts";
import type { Logger } from "../log.ts";
import { elements } from "../stanza.ts";
import { serialize } from "../xml/serialize.ts";
import { isSamePhoto, type Photo, photoOf, withPhoto } from "./vcard-photo.ts";

export type VcardChange = {
  /** Bare JID. */
  readonly account: Jid;
  /** Undefined: there is none now. */
  readonly vcard: Element | undefined;
  readonly photo: Photo | undefined;
  readonly photoChanged: boolean;
  /** A client set its vCard; or `setPhoto` was called, whose caller knows. */
  readonly by: "client" | "server";
};

export type VcardListener = (change: VcardChange) => void | Promise<void>;

type Parts = { readonly store: ProfileStore; readonly log: Logger; readonly vcardBytes: number };

/** Accounts are bare JIDs. */
export class Vcards {
  readonly #parts: Parts;
  readonly #listeners: VcardListener[] = [];

  /** @param parts `vcardBytes` is limits.vcardBytes */
  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Called after each change, and after a `save` that changes nothing, in order; `save` and `setPhoto` wait for it. One that
   * fails is logged.
   */
  onChange(listener: VcardListener): void {
    this.#listeners.push(listener);
  }

  async load(account: Jid): Promise<Element | undefined> {
    const xml = await this.#parts.store.vcard(account.bareString);
    return parsed(xml);
  }

  async photo(account: Jid): Promise<Photo | undefined> {
    return photoOf(await this.load(account));
  }

  /**
   * A client's vCard in place of the one before; one with nothing in it removes it.
   * Errors: policy-violation where it is larger than limits.vcardBytes.
   */
  save(account: Jid, vcard: Element): Promise<StanzaError | undefined> {
    return this.#update(account, "client", () => (elements(vcard).length === 0 ? undefined : vcard));
  }

  /** Puts a picture into the vCard, or takes it out (undefined); the rest stays. Errors: as `save`. */
  setPhoto(account: Jid, photo: Photo | undefined): Promise<StanzaError | undefined> {
    return this.#update(account, "server", (vcard) =>
      isSamePhoto(photo, photoOf(vcard)) ? vcard : withPhoto(vcard, photo),
    );
  }

  async #update(
    account: Jid,
    by: VcardChange["by"],
    change: (vcard: Element | undefined) => Element | undefined,
  ): Promise<StanzaError | undefined> {
    const { store, vcardBytes } = this.#parts;
    let tooLarge = false;
    const { before, after } = await store.updateVcard(account.bareString, (xml) => {
      const current = parsed(xml);
      const next = change(current);
      if (next === current) return xml;
      const text = next && serialize(next);
      tooLarge = text !== undefined && Buffer.byteLength(text) > vcardBytes;
      return tooLarge ? xml : text;
    });
    if (tooLarge) return stanzaError("policy-violation", `a vCard has at most ${vcardBytes} bytes (limits.vcardBytes)`);
    // A client may say again what it does not know to have been done.
    if (before !== after || by === "client") await this.#tell(account, by, parsed(before), parsed(after));
    return undefined;
  }

  async #tell(
    account: Jid,
    by: VcardChange["by"],
    before: Element | undefined,
    vcard: Element | undefined,
  ): Promise<void> {
    if (this.#listeners.length === 0) return;
    const photo = photoOf(vcard);
    const change = { account, vcard, photo, photoChanged: !isSamePhoto(photo, photoOf(before)), by };
    for (const listener of this.#listeners) {
      try {
        await listener(change);
      } catch (err) {
        this.#parts.log.error({ account: account.toString(), err }, "vcard-listener-failed");
      }
    }
  }
}

function parsed(xml: string | undefined): Element | undefined {
  return xml === undefined ? undefined : (parse(xml) as Element);
}
