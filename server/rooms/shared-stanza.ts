// One stanza of a room for many occupants: serialized once, with only `to` put in for each.

import type { Element } from "ltx";
import type { Jid } from "../jid.ts";
import { attr, withAttrs } from "../stanza.ts";
import { serialize } from "../xml/serialize.ts";

export class SharedStanza {
  /** Without `to`. */
  readonly stanza: Element;
  #tail: string | undefined;

  constructor(stanza: Element) {
    this.stanza = attr(stanza, "to") === undefined ? stanza : withAttrs(stanza, { to: undefined });
  }

  /** The text for one recipient; `to` is a JID's string, which only needs its special characters escaped. */
  textFor(to: string): string {
    const { name } = this.stanza;
    this.#tail ??= serialize(this.stanza).slice(name.length + 1);
    const escaped = /[&<'"]/.test(to)
      ? to.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("'", "&apos;").replaceAll('"', "&quot;")
      : to;
    return `<${name} to='${escaped}'${this.#tail}`;
  }

  /** As an element, for a recipient that is no session of this server. */
  stanzaFor(to: string): Element {
    return withAttrs(this.stanza, { to });
  }
}

/** What a room sends: one stanza, and the full JIDs (invitations: bare ones) that get it. */
export type Send = { readonly stanza: SharedStanza; readonly to: readonly Jid[] };

export function send(stanza: Element, ...to: readonly Jid[]): Send {
  return { stanza: new SharedStanza(stanza), to };
}
