// Records to store: complete ones, of which a test names only what it is about.

import type {
  Account,
  ArchivedMessage,
  CppSubscription,
  NewGatewayEvent,
  Presentity,
  Publication,
  PubsubItem,
  PubsubNodeState,
  PushService,
  Relation,
  RosterItem,
  SavedSession,
  StoredCredential,
  Token,
  UnackedStanza,
} from "../../storage/store.ts";

export const JULIET = "juliet@example.com";
export const ROMEO = "romeo@example.net";
export const NURSE = "nurse@example.com";
export const AT = Date.UTC(2026, 10, 20);

export function scram(change: Partial<StoredCredential> = {}): StoredCredential {
  const octets = { salt: Uint8Array.of(1, 0, 255), sealed: Uint8Array.of(9, 8, 7) };
  return { kind: "SCRAM-SHA-256", iterations: 10_000, keyId: "k1", ...octets, ...change };
}

export const bcrypt: StoredCredential = scram({ kind: "bcrypt", iterations: 0, salt: Uint8Array.of() });

export function account(localpart: string, credentials: readonly StoredCredential[] = [scram()]): Account {
  return { localpart, createdAt: AT, credentials };
}

export function item(contact: string, change: Partial<RosterItem> = {}): RosterItem {
  const empty = { name: "", groups: [], approved: false, pendingSubscribe: "" };
  return { contact, inRoster: true, state: "none", ...empty, ...change };
}

/** With Romeo, unless the change names another. */
export function archived(owner: string, id: string, change: Partial<ArchivedMessage> = {}): ArchivedMessage {
  return { owner, id, with: ROMEO, at: AT, xml: `<message><body>${id}</body></message>`, ...change };
}

export function savedSession(id: string, change: Partial<SavedSession> = {}): SavedSession {
  return { id, owner: JULIET, resourcepart: "balcony", state: "{}", inbound: 0, savedAt: AT, ...change };
}

export function unacked(sequence: number, change: Partial<UnackedStanza> = {}): UnackedStanza {
  return { sequence, xml: `<message id='${sequence}'/>`, at: AT, delivery: "", ...change };
}

export function nodeState(change: Partial<PubsubNodeState> = {}): PubsubNodeState {
  return { config: "{}", affiliations: [], subscriptions: [], ...change };
}

export function pubsubItem(id: string, change: Partial<PubsubItem> = {}): PubsubItem {
  return { id, publisher: `${JULIET}/balcony`, at: AT, xml: `<item n='${id}'/>`, ...change };
}

export function presentity(address: string, change: Partial<Presentity> = {}): Presentity {
  const domain = address.slice(address.indexOf("@") + 1);
  return { address, domain, formalName: "", policy: "confirm", allowFrom: [], createdAt: AT, ...change };
}

export function publication(etag: string, expiresAt: number | null = null): Publication {
  return { etag, document: `<presence etag='${etag}'/>`, publishedAt: AT, expiresAt };
}

export function relation(address: string, user: string, change: Partial<Relation> = {}): Relation {
  return { presentity: address, user, state: "none", approved: false, watch: null, subscription: null, ...change };
}

export function subscription(until: number | null): CppSubscription {
  return {
    state: "active",
    subscriptId: "s1",
    transId: "t1",
    since: AT,
    until,
    durationSeconds: 3_600,
    lastDigest: "d1",
    lastOpen: false,
  };
}

export function event(address: string, change: Partial<NewGatewayEvent> = {}): NewGatewayEvent {
  return { presentity: address, type: "message", data: '{"transId":"t1"}', at: AT, ...change };
}

export function token(id: string, change: Partial<Token> = {}): Token {
  return { id, scope: "domain:example.net", sha256: `hash-of-${id}`, createdAt: AT, ...change };
}

export function pushService(jid: string, node: string, change: Partial<PushService> = {}): PushService {
  return { jid, node, resourcepart: "balcony", options: "", ...change };
}
