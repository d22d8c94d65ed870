// Fills a store with accounts, rosters, archives and the gateway's records in bulk, as if they had come about one by one.

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { hashToken } from "../../gateway/bindings/http/authorization.ts";
import { SCRAM_HASHES, scramKeys } from "../../server/accounts/scram-keys.ts";
import { openSeal } from "../../server/accounts/seal.ts";
import type { CppSubscription, Relation, RosterItem, Store, SubscriptionState, Watch } from "../../storage/store.ts";

export const DOMAIN = "localhost";
export const FOREIGN = "example.net";
export const TOKEN = "bench-token";
export const PASSWORD = "secret";
const AT_ONCE = 500;
const SINCE = Date.UTC(2026, 0, 1);

async function inBatches<T>(items: Iterable<T>, put: (item: T) => Promise<unknown>): Promise<void> {
  let batch: Promise<unknown>[] = [];
  for (const item of items) {
    batch.push(put(item));
    if (batch.length < AT_ONCE) continue;
    await Promise.all(batch);
    batch = [];
  }
  await Promise.all(batch);
}

export const userJid = (localpart: string): string => `${localpart}@${DOMAIN}`;
export const presentityJid = (localpart: string): string => `${localpart}@${FOREIGN}`;

/** Accounts with one salt and one password: what a client derives of it for one serves for all. */
export async function addAccounts(store: Store, folder: string, localparts: Iterable<string>): Promise<void> {
  const seal = await openSeal(join(folder, "credentials.key"), false);
  const salt = randomBytes(16);
  const iterations = 4_096;
  const kind = "SCRAM-SHA-1";
  const { storedKey, serverKey } = await scramKeys("SHA-1", PASSWORD, salt, iterations);
  const secret = Buffer.concat([storedKey, serverKey]);
  if (secret.length !== 2 * SCRAM_HASHES["SHA-1"].octets) throw new Error("keys of an odd length");
  await inBatches(localparts, (localpart) => {
    const credentials = [{ kind, salt, iterations, ...seal.seal(secret, localpart, kind) }] as const;
    return store.accounts.create({ localpart, createdAt: SINCE, credentials });
  });
}

export type Contact = readonly [owner: string, contact: string, state: SubscriptionState];

/** Roster items, by bare JIDs. */
export async function addContacts(store: Store, contacts: Iterable<Contact>): Promise<void> {
  await inBatches(contacts, ([owner, contact, state]) => {
    const name = `Contact ${contact}`;
    const item: RosterItem = {
      contact,
      inRoster: true,
      name,
      groups: [],
      state,
      approved: false,
      pendingSubscribe: "",
    };
    return store.roster.update(owner, contact, () => item);
  });
}

export async function addPresentities(store: Store, localparts: Iterable<string>): Promise<void> {
  await store.gateway.addToken({
    id: "bench",
    scope: `domain:${FOREIGN}`,
    sha256: hashToken(TOKEN),
    createdAt: SINCE,
  });
  await inBatches(localparts, (localpart) =>
    store.gateway.putPresentity({
      address: presentityJid(localpart),
      domain: FOREIGN,
      formalName: "",
      policy: "confirm",
      allowFrom: [],
      createdAt: SINCE,
    }),
  );
}

const ID = "00000000-0000-4000-8000-000000000000";
const WATCH: Watch = { transId: ID, subscriptId: ID, since: SINCE };
const SUBSCRIPTION: CppSubscription = {
  state: "active",
  subscriptId: ID,
  transId: ID,
  since: SINCE,
  until: null,
  durationSeconds: null,
  lastDigest: "",
  lastOpen: false,
};

export type Tie = { readonly presentity: string; readonly user: string; readonly who: "user" | "presentity" };

/** Somebody watches somebody, in the relation and in the user's roster. `who` is the one who watches. */
export async function addWatchers(store: Store, ties: Iterable<Tie>): Promise<void> {
  const all = [...ties];
  await inBatches(all, ({ presentity, user, who }) => {
    const next: Relation = {
      presentity: presentityJid(presentity),
      user: userJid(user),
      state: who === "user" ? "from" : "to",
      approved: false,
      watch: who === "user" ? WATCH : null,
      subscription: who === "presentity" ? SUBSCRIPTION : null,
    };
    return store.gateway.updateRelation(next.presentity, next.user, () => ({ next }));
  });
  await addContacts(
    store,
    all.map(({ presentity, user, who }) => [userJid(user), presentityJid(presentity), who === "user" ? "to" : "from"]),
  );
}

/** Messages that the first `owners` of u0, u1, ... keep, spread over a year and 20 contacts each. */
export async function addArchive(store: Store, count: number, owners: number): Promise<void> {
  const step = (365 * 86_400_000) / count;
  const first = Date.now() - 365 * 86_400_000;
  const body = "the quick brown fox jumps over the lazy dog and then says hello to you again. ".slice(0, 80);
  for (let done = 0; done < count; done += AT_ONCE) {
    const messages = Array.from({ length: Math.min(AT_ONCE, count - done) }, (_, n) => {
      const number = done + n;
      const owner = userJid(`u${number % owners}`);
      const contact = userJid(`u${(number * 7 + (number % 20)) % owners}`);
      const at = Math.floor(first + number * step);
      const id = `${at.toString(36).padStart(9, "0")}${number.toString(36).padStart(15, "0")}`;
      const xml = `<message xmlns='jabber:client' from='${contact}/r' to='${owner}' type='chat' id='${id}'><body>${body}</body></message>`;
      return { owner, id, with: contact, at, xml };
    });
    await store.archive.add(messages);
  }
}

export function* numbered(prefix: string, count: number, first = 0): Iterable<string> {
  for (let n = first; n < first + count; n += 1) yield `${prefix}${n}`;
}
