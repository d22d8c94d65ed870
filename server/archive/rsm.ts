// XEP-0059 1.0: Result Set Management, what a request asks for and what an answer says of its page.

import { Element } from "ltx";
import { type StanzaError, stanzaError } from "../errors.ts";
import { NS } from "../namespaces.ts";
import { child, textOf } from "../stanza.ts";

export type SetRequest = {
  /** Undefined: as many as the server likes. */
  readonly max: number | undefined;
  readonly after: string | undefined;
  readonly before: string | undefined;
  /** The last of what matches, and not the first: there is a `<before/>`, with an id or empty (sections 2.3 and 2.5). */
  readonly backward: boolean;
};

/** Errors: bad-request; feature-not-implemented for a page by index (section 2.6). */
export function setRequest(parent: Element): SetRequest | StanzaError {
  const set = child(parent, "set", NS.resultSets);
  if (set === undefined) return { max: undefined, after: undefined, before: undefined, backward: false };
  if (child(set, "index", NS.resultSets) !== undefined) {
    return stanzaError("feature-not-implemented", "pages are found by id and not by index");
  }
  const max = textIn(set, "max");
  if (max !== undefined && !/^\d{1,10}$/.test(max)) return stanzaError("bad-request", "max is no number");
  const before = textIn(set, "before");
  return {
    max: max === undefined ? undefined : Number(max),
    after: textIn(set, "after") || undefined, // an empty one names nothing to begin behind
    before: before || undefined,
    backward: before !== undefined,
  };
}

function textIn(set: Element, name: string): string | undefined {
  const found = child(set, name, NS.resultSets);
  return found === undefined ? undefined : textOf(found).trim();
}

export type SetAnswer = {
  /** Ids of the first and the last item of the page, in the order of the whole; undefined: the page is empty. */
  readonly first: string | undefined;
  readonly last: string | undefined;
  /** How many items of the whole come before the page. */
  readonly index: number | undefined;
  /** Of the whole. */
  readonly count: number | undefined;
};

/** Source: section 2.2. */
export function setElement({ first, last, index, count }: SetAnswer): Element {
  const set = new Element("set", { xmlns: NS.resultSets });
  if (first !== undefined && last !== undefined) {
    set.c("first", index === undefined ? {} : { index: String(index) }).t(first);
    set.c("last").t(last);
  }
  if (count !== undefined) set.c("count").t(String(count));
  return set;
}
