// <prefs/> of XEP-0441 0.2.0 section 2.1: read and written.

import { Element } from "ltx";
import type { ArchivePreferences } from "../../storage/store.ts";
import { type StanzaError, stanzaError } from "../errors.ts";
import { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { attr, childrenOf, textOf } from "../stanza.ts";

/** Addresses of one list: memory, and time for every message. */
export const MOST_LISTED = 500;

/** Errors: bad-request without a known default, jid-malformed, not-acceptable for a list that is too long. */
export function readPreferences(prefs: Element): ArchivePreferences | StanzaError {
  const policy = attr(prefs, "default");
  if (policy !== "always" && policy !== "never" && policy !== "roster") {
    return stanzaError("bad-request", "default is one of always, never, roster");
  }
  const always = readList(prefs, "always");
  if ("kind" in always) return always;
  const never = readList(prefs, "never");
  if ("kind" in never) return never;
  return { default: policy, always, never };
}

// Sections 2.1.2 and 2.1.3: a list that is missing is empty.
function readList(prefs: Element, name: "always" | "never"): readonly string[] | StanzaError {
  const addresses = new Set<string>();
  for (const item of childrenOf(prefs, name, NS.archive).flatMap((list) => childrenOf(list, "jid", NS.archive))) {
    const jid = Jid.parse(textOf(item).trim());
    if (!jid.ok) return stanzaError("jid-malformed", jid.reason);
    addresses.add(jid.value.toString());
    if (addresses.size > MOST_LISTED) {
      return stanzaError("not-acceptable", `each list may have ${MOST_LISTED} addresses`);
    }
  }
  return [...addresses];
}

export function preferencesElement({ default: policy, always, never }: ArchivePreferences): Element {
  const prefs = new Element("prefs", { xmlns: NS.archive, default: policy });
  for (const [name, addresses] of Object.entries({ always, never })) {
    const list = prefs.c(name);
    for (const address of addresses) list.c("jid").t(address);
  }
  return prefs;
}
