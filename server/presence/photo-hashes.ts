// What available presence says of the avatar (XEP-0153 1.1.1 section 3.1), put in by the server (XEP-0398 1.0.0 section 4).
// Hashes are known of accounts that have sessions.

import { Element } from "ltx";
import type { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { child, namespaceOf, textOf } from "../stanza.ts";
import { withChildren } from "../xml/serialize.ts";

export class PhotoHashes {
  readonly #find: (account: Jid) => Promise<string | undefined>;
  readonly #known = new Map<string, string | undefined>();

  /** @param find the SHA-1 hash of the picture in an account's vCard, in hexadecimal digits; undefined: there is none */
  constructor(find: (account: Jid) => Promise<string | undefined>) {
    this.#find = find;
  }

  /** Must have been waited for before `mark`. */
  load(account: Jid): void | Promise<void> {
    if (this.#known.has(account.bareString)) return undefined;
    return this.#find(account.bare()).then((hash) => {
      // Set meanwhile: that is newer.
      if (!this.#known.has(account.bareString)) this.#known.set(account.bareString, hash);
    });
  }

  /** The account has another picture, or none. Call it for accounts with sessions. False: it is the same. */
  set(account: string, hash: string | undefined): boolean {
    if (this.#known.has(account) && this.#known.get(account) === hash) return false;
    this.#known.set(account, hash);
    return true;
  }

  /** The account has no sessions any more. */
  release(account: string): void {
    this.#known.delete(account);
  }

  /** @returns available presence with the hash in it; the same where nothing has to be said, or the client does not want it */
  mark(presence: Element, account: string): Element {
    const hash = this.#known.get(account);
    if (hash === undefined || isOptedOut(presence)) return presence;
    return photoIn(presence) === hash ? presence : withUpdate(presence, update(hash));
  }
}

/** The client says that there is no picture to be advertised: section 4 of XEP-0398 leaves that as it is. */
export function isOptedOut(presence: Element): boolean {
  return photoIn(presence) === "";
}

/** Presence that says: there is no picture any more. */
export function withoutPhoto(presence: Element): Element {
  return withUpdate(presence, update(""));
}

/** Presence that says nothing of a picture. */
export function unmarked(presence: Element): Element {
  return photoIn(presence) === undefined ? presence : withUpdate(presence, undefined);
}

/** Undefined: there is no photo element. */
function photoIn(presence: Element): string | undefined {
  const x = child(presence, "x", NS.vcardUpdate);
  const photo = x === undefined ? undefined : child(x, "photo", NS.vcardUpdate);
  return photo === undefined ? undefined : textOf(photo).trim().toLowerCase();
}

function update(hash: string): Element {
  const x = new Element("x", { xmlns: NS.vcardUpdate });
  x.c("photo").t(hash);
  return x;
}

function withUpdate(presence: Element, x: Element | undefined): Element {
  const others = (presence.children as (Element | string)[]).filter(
    (node) => typeof node === "string" || node.name !== "x" || namespaceOf(node) !== NS.vcardUpdate,
  );
  return withChildren(presence, x === undefined ? others : [...others, x]);
}
