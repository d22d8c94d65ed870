// A client's reading of its account's archive (XEP-0313): page after page behind the last message that it knows of.

import type { Element } from "ltx";
import { NS } from "../../../server/namespaces.ts";
import { attr, child, textOf } from "../../../server/stanza.ts";
import type { ManagedSession } from "./managed-session.ts";

export type Result = { readonly stanzaId: string; readonly message: Element };

export type CatchUpEvents = {
  /** A page was read completely: all up to this id is known. */
  page(last: string): void;
  done(): void;
  failed(answer: Element): void;
};

const PAGE = 50;
let queries = 0;

export class CatchUp {
  readonly #session: ManagedSession;
  readonly #events: CatchUpEvents;
  #queryid = "";

  constructor(session: ManagedSession, events: CatchUpEvents) {
    this.#session = session;
    this.#events = events;
  }

  /** @param after undefined: from the beginning */
  read(after: string | undefined, max = PAGE): void {
    this.#queryid = `c${++queries}`;
    const behind = after === undefined ? "" : `<after>${after}</after>`;
    const query = `<query xmlns='${NS.archive}' queryid='${this.#queryid}'><set xmlns='${NS.resultSets}'><max>${max}</max>${behind}</set></query>`;
    this.#session.ask("set", query, { answered: (answer) => this.#answered(answer, max) });
  }

  #answered(answer: Element, max: number): void {
    const fin = child(answer, "fin", NS.archive);
    if (attr(answer, "type") !== "result" || fin === undefined) {
      this.#events.failed(answer);
      return;
    }
    const set = child(fin, "set", NS.resultSets);
    const last = set === undefined ? undefined : child(set, "last", NS.resultSets);
    if (last !== undefined) this.#events.page(textOf(last));
    if (attr(fin, "complete") === "true") this.#events.done();
    else if (last === undefined) this.#events.failed(answer);
    else this.read(textOf(last), max);
  }
}

/** Undefined: the stanza is no result of a query. */
export function resultIn(stanza: Element): Result | undefined {
  const result = child(stanza, "result", NS.archive);
  const forwarded = result && child(result, "forwarded", NS.forward);
  const message = forwarded && child(forwarded, "message", NS.client);
  const stanzaId = result && attr(result, "id");
  return message === undefined || stanzaId === undefined ? undefined : { stanzaId, message };
}
