// One presence stanza for many contacts: serialized once, with only `to` put in for each.

import type { Element } from "ltx";
import { attr, withAttrs } from "../stanza.ts";
import { serialize } from "../xml/serialize.ts";

/** A stamped stanza that will be sent to several addresses. */
export class SharedPresence {
  /** The stanza without `to`. */
  readonly stanza: Element;
  #tail: string | undefined;

  constructor(stanza: Element) {
    this.stanza = attr(stanza, "to") === undefined ? stanza : withAttrs(stanza, { to: undefined });
  }

  /** The text for one recipient; `to` is a JID's string, which only needs its apostrophes and angles escaped. */
  textFor(to: string): string {
    this.#tail ??= serialize(this.stanza).slice("<presence".length);
    const escaped = /[&<'"]/.test(to)
      ? to.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("'", "&apos;").replaceAll('"', "&quot;")
      : to;
    return `<presence to='${escaped}'${this.#tail}`;
  }

  /** The stanza as an element, for a recipient that is no session. */
  stanzaFor(to: string): Element {
    return withAttrs(this.stanza, { to });
  }
}
