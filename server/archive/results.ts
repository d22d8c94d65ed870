// What a query is answered with: a message for each result, and the end (XEP-0313 1.1.3 sections 4.2 and 4.3).

import { Element, parse } from "ltx";
import type { ArchivedMessage } from "../../storage/store.ts";
import { NS } from "../namespaces.ts";
import { message as messageStanza } from "../stanza.ts";
import { serialize } from "../xml/serialize.ts";
import type { AnsweredPage } from "./page.ts";
import { setElement } from "./rsm.ts";
import { newStanzaId } from "./stanza-id.ts";

export type Asker = {
  /** Bare JID of the archive. */
  readonly from: string;
  /** Full JID of who asked. */
  readonly to: string;
  readonly queryid: string | undefined;
};

/** The stanza that carries one result. Source: section 4.2. */
export function resultElement({ id, at, xml }: Pick<ArchivedMessage, "id" | "at" | "xml">, asker: Asker): Element {
  const { from, to, queryid } = asker;
  const envelope = messageStanza({ from, to, id: newStanzaId() });
  const result = envelope.c("result", { xmlns: NS.archive, ...(queryid === undefined ? {} : { queryid }), id });
  const forwarded = result.c("forwarded", { xmlns: NS.forward });
  forwarded.c("delay", { xmlns: NS.delay, stamp: new Date(at).toISOString() });
  forwarded.cnode(parse(xml) as Element);
  return envelope;
}

/** Characters that a result takes besides its message. */
export function overheadOf(asker: Asker): number {
  return serialize(resultElement({ id: newStanzaId(), at: 0, xml: "<message/>" }, asker)).length;
}

/** Section 4.3.2: `complete` where nothing was left out because the page was full. What is stored is stable. */
export function finElement({ messages, complete, index, count }: AnsweredPage): Element {
  const fin = new Element("fin", { xmlns: NS.archive, ...(complete ? { complete: "true" } : {}) });
  return fin.cnode(setElement({ first: messages[0]?.id, last: messages.at(-1)?.id, index, count })).up();
}
