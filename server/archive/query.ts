// A query of an archive, read: XEP-0313 1.1.3 section 4.

import type { Element } from "ltx";
import { type StanzaError, stanzaError } from "../errors.ts";
import { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { ok, type Result, refuse } from "../result.ts";
import { attr, child } from "../stanza.ts";
import { submittedForm } from "./data-form.ts";
import { parseDateTime } from "./date-time.ts";
import { type SetRequest, setRequest } from "./rsm.ts";

/** Messages of one page, unless the client asks for less or more; and at most. */
export const PAGE = 50;
export const MOST_OF_A_PAGE = 100;
/** Messages that one query can name. */
const MOST_IDS = 100;
/** It is sent back with every message. */
const QUERYID_CHARACTERS = 256;

/** Which messages match, whatever page of them is asked for. */
export type Filter = {
  readonly with?: Jid;
  readonly start?: number;
  readonly end?: number;
  readonly afterId?: string;
  readonly beforeId?: string;
  readonly ids?: readonly string[];
};

export type ArchiveRequest = {
  readonly queryid: string | undefined;
  readonly filter: Filter;
  readonly set: SetRequest & { readonly max: number };
  /** The page is sent in reverse (section 4.3.4). */
  readonly flipped: boolean;
};

/**
 * Errors: feature-not-implemented for a field that is not known (section 4.1.5), item-not-found for a node (XEP-0442: an
 * account's archive is not one of a node), not-acceptable for more than is allowed, bad-request.
 */
export function readQuery(query: Element): ArchiveRequest | StanzaError {
  if (attr(query, "node") !== undefined) return stanzaError("item-not-found", "there are no archives of nodes here");
  const queryid = attr(query, "queryid");
  if (queryid !== undefined && queryid.length > QUERYID_CHARACTERS) {
    return stanzaError("not-acceptable", `a queryid may have ${QUERYID_CHARACTERS} characters`);
  }
  const form = submittedForm(query, NS.archive);
  if ("kind" in form) return form;
  let filter: Filter = {};
  for (const [name, values] of form) {
    const read = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
    if (read === undefined) return stanzaError("feature-not-implemented", `there is no field "${name}"`);
    if (values.length === 0) continue; // not filled in
    const part = read(values);
    if (!part.ok) return stanzaError("bad-request", `${name}: ${part.reason}`);
    filter = { ...filter, ...part.value };
  }
  if ((filter.ids?.length ?? 0) > MOST_IDS) {
    return stanzaError("not-acceptable", `one query may name ${MOST_IDS} messages`);
  }
  const set = setRequest(query);
  if ("kind" in set) return set;
  const max = Math.min(set.max ?? PAGE, MOST_OF_A_PAGE);
  const flipped = child(query, "flip-page", NS.archive) !== undefined;
  return { queryid, filter, set: { ...set, max }, flipped };
}

/** What the values of a field, of which there is one at least, add to the filter. Source: sections 4.1.1 to 4.1.4. */
const FIELDS: Readonly<Record<string, (values: readonly string[]) => Result<Filter>>> = {
  with: (values) => single(values, Jid.parse, (jid) => ({ with: jid })),
  start: (values) => single(values, parseDateTime, (start) => ({ start })),
  end: (values) => single(values, parseDateTime, (end) => ({ end })),
  "after-id": (values) => single(values, ok, (afterId) => ({ afterId })),
  "before-id": (values) => single(values, ok, (beforeId) => ({ beforeId })),
  ids: (ids) => ok({ ids }),
  // No archive has messages of rooms, so that leaving them out or not is the same.
  "include-groupchat": (values) => single(values, parseBoolean, () => ({})),
};

function single<T>(
  values: readonly string[],
  parse: (value: string) => Result<T>,
  filter: (value: T) => Filter,
): Result<Filter> {
  const [value = "", ...others] = values;
  if (others.length > 0) return refuse("more than one value");
  const parsed = parse(value.trim());
  return parsed.ok ? ok(filter(parsed.value)) : parsed;
}

function parseBoolean(text: string): Result<boolean> {
  if (text === "true" || text === "1") return ok(true);
  if (text === "false" || text === "0") return ok(false);
  return refuse("neither true nor false");
}
