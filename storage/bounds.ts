// What every store bounds, so that all stores bound it alike, and the one address rule that they need.

import {
  type PrivateElement,
  type PrivateLimits,
  type PubsubItem,
  type PubsubQuota,
  type RosterItem,
  type RosterLimits,
  StoreLimitError,
} from "./store.ts";

/** Newest removals of one roster that are kept for `changesSince`. */
export const REMOVALS_KEPT = 500;

/** Newest audit records that are kept. Older ones go in steps of AUDIT_PRUNE_STEP. */
export const AUDIT_RECORDS_KEPT = 100_000;
export const AUDIT_PRUNE_STEP = 1_000;

/** What an item counts for besides its payload and id: also empty ones take room. */
export const PUBSUB_ITEM_OVERHEAD = 200;

const PAGE_ROWS = 100;

/** The rows of one page: `limit`, from 0 to 100. */
export function pageRows(limit: number): number {
  return Math.min(rows(limit), PAGE_ROWS);
}

/** A whole, non-negative number of rows: to SQLite a negative LIMIT means all. */
export function rows(limit: number): number {
  return limit >= 1 ? Math.min(Math.trunc(limit), Number.MAX_SAFE_INTEGER) : 0;
}

/** The domainpart of a bare JID. The first "@" ends the localpart (RFC 7622 section 3.2); neither part can hold another. */
export function domainOf(bareJid: string): string {
  return bareJid.slice(bareJid.indexOf("@") + 1);
}

/**
 * Checks what RosterStore.update is about to write. Throws StoreLimitError, with the setting's name.
 * @param total of the owner's records
 * @param count the records that are `inRoster`, or those that are not; asked for only where `total` reaches the limit
 */
export function checkRosterLimits(
  owner: string,
  limits: RosterLimits,
  { before, after, total }: { before: RosterItem | undefined; after: RosterItem; total: number },
  count: (inRoster: boolean) => number,
): void {
  if (after.inRoster) {
    if (before?.inRoster || total < limits.items || count(true) < limits.items) return;
    throw new StoreLimitError(
      "rosterItems",
      `the roster of ${owner} has its ${limits.items} items (limits.rosterItems)`,
    );
  }
  if (before !== undefined || total < limits.requests || count(false) < limits.requests) return;
  throw new StoreLimitError(
    "pendingRequests",
    `${limits.requests} requests wait for ${owner} (limits.pendingRequests)`,
  );
}

/** What private XML counts for. */
export function privateBytes({ ns, name, xml }: PrivateElement): number {
  return Buffer.byteLength(ns) + Buffer.byteLength(name) + Buffer.byteLength(xml);
}

/** Checks the private XML that an account is about to have. Throws StoreLimitError, with the setting's name. */
export function checkPrivateLimits(
  owner: string,
  limits: PrivateLimits,
  before: PrivateLimits,
  after: PrivateLimits,
): void {
  if (after.elements > before.elements && after.elements > limits.elements) {
    throw new StoreLimitError(
      "privateXmlElements",
      `${owner} may keep ${limits.elements} kinds of private XML (limits.privateXmlElements)`,
    );
  }
  if (after.bytes > before.bytes && after.bytes > limits.bytes) {
    throw new StoreLimitError(
      "privateXmlBytes",
      `${owner} may keep ${limits.bytes} bytes of private XML (limits.privateXmlBytes)`,
    );
  }
}

/** A change must stay with the record that it was asked for: anything else is a caller's mistake. */
export function checkKey(expected: string, actual: string): void {
  if (actual !== expected) throw new TypeError(`a change of "${expected}" returned a record of "${actual}"`);
}

/** @param maxPerDomain of presentities */
export function domainFull(domain: string, maxPerDomain: number): StoreLimitError {
  return new StoreLimitError("presentitiesPerDomain", `${domain} may have ${maxPerDomain} presentities`);
}

/** What an item counts for in the quota of its account. */
export function pubsubItemBytes({ id, xml }: Pick<PubsubItem, "id" | "xml">): number {
  return Buffer.byteLength(xml) + Buffer.byteLength(id) + PUBSUB_ITEM_OVERHEAD;
}

/** Checks what an account is about to have. Throws StoreLimitError, with the setting's name. */
export function checkPubsubQuota(
  owner: string,
  quota: PubsubQuota,
  before: { readonly nodes: number; readonly bytes: number },
  after: { readonly nodes: number; readonly bytes: number },
): void {
  if (after.nodes > before.nodes && after.nodes > quota.nodes) {
    throw new StoreLimitError("nodesPerAccount", `${owner} has its ${quota.nodes} nodes (pubsub.nodesPerAccount)`);
  }
  if (after.bytes > before.bytes && after.bytes > quota.bytes) {
    throw new StoreLimitError("bytesPerAccount", `${owner} has ${quota.bytes} bytes of items (pubsub.bytesPerAccount)`);
  }
}

/** Checks what a block list is about to hold. Throws StoreLimitError, with the setting's name. */
export function checkBlockList(owner: string, limit: number, size: number, added: number): void {
  if (added === 0 || size + added <= limit) return;
  throw new StoreLimitError("blockedAddresses", `${owner} may block ${limit} addresses (limits.blockedAddresses)`);
}
