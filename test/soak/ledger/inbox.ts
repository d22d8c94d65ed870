// What a device makes of the messages that come: each goes into the book, and so far as it can tell, it knows its account's
// archive up to some message.

import type { Element } from "ltx";
import { NS } from "../../../server/namespaces.ts";
import { attr, child, childrenOf, elements, textOf } from "../../../server/stanza.ts";
import { type Result, resultIn } from "./catch-up.ts";
import type { ArchiveRow, Ledger, SessionRecord, Way } from "./ledger.ts";
import { idIn } from "./message.ts";

/** In which session, and the client's count of stanzas at that one. */
export type Where = { readonly session: SessionRecord; readonly h: number };

export class Inbox {
  /** All of the archive up to its end is known, and what comes from now on is behind that. */
  caughtUp = false;
  /** The last of the archive before which nothing is unknown. */
  knownUpTo: string | undefined;
  /** Undefined: results of queries go into the book, and not here. */
  rows: ArchiveRow[] | undefined;
  readonly #ledger: Ledger;
  readonly #device: string;
  readonly #bare: string;
  readonly #domain: string;

  /** @param device "user/resource" */
  constructor(ledger: Ledger, device: string, domain: string) {
    this.#ledger = ledger;
    this.#device = device;
    this.#bare = `${device.split("/")[0]}@${domain}`;
    this.#domain = domain;
  }

  take(stanza: Element, where: Where): void {
    const result = resultIn(stanza);
    const copy = copyIn(stanza);
    if (attr(stanza, "type") === "error") this.#refused(stanza);
    else if (result !== undefined) this.#result(result, where);
    else if (copy === undefined) this.#live(stanza, "direct", where);
    // XEP-0280 section 11
    else if (attr(stanza, "from") === this.#bare) this.#live(copy.message, copy.way, where);
    else this.#wrong(`a copy that is none: ${stanza.toString()}`);
  }

  #result({ message, stanzaId }: Result, where: Where): void {
    const id = this.#idOf(message);
    if (id === undefined) return;
    if (this.rows !== undefined) this.rows.push({ stanzaId, id });
    else this.#ledger.arrived(id, { ...where, way: "archive", delayed: false, stanzaId });
  }

  #live(message: Element, way: Way, where: Where): void {
    const id = this.#idOf(message);
    if (id === undefined) return;
    const own = childrenOf(message, "stanza-id", NS.stanzaIds).filter((each) => attr(each, "by") === this.#bare);
    if (own.length > 1) this.#wrong(`${id} has two stanza-ids`);
    const stanzaId = own[0] && attr(own[0], "id");
    const delays = childrenOf(message, "delay", NS.delay);
    const delayed = delays.some((delay) => attr(delay, "from") === this.#domain);
    this.#ledger.arrived(id, { ...where, way, delayed, stanzaId });
    // One that comes late may stand anywhere in the archive.
    if (this.caughtUp && !delayed && stanzaId !== undefined) this.knownUpTo = stanzaId;
  }

  #refused(stanza: Element): void {
    const error = child(stanza, "error");
    const condition = error === undefined ? undefined : elements(error)[0]?.name;
    this.#ledger.refused(attr(stanza, "id") ?? "", condition ?? "nothing that says why");
  }

  #idOf(message: Element): string | undefined {
    const body = child(message, "body");
    const id = idIn(body === undefined ? "" : textOf(body));
    if (id === undefined) this.#wrong(`nobody sent ${message.toString().slice(0, 500)}`);
    return id;
  }

  #wrong(what: string): void {
    this.#ledger.stray(`${this.#device}: ${what}`);
  }
}

// Undefined: the stanza is no copy.
function copyIn(stanza: Element): { readonly way: Way; readonly message: Element } | undefined {
  for (const way of ["received", "sent"] as const) {
    const copy = child(stanza, way, NS.carbons);
    const forwarded = copy && child(copy, "forwarded", NS.forward);
    const message = forwarded && child(forwarded, "message", NS.client);
    if (message !== undefined) return { way, message };
  }
  return undefined;
}
