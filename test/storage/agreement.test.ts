// Any sequence of operations, in turns of several, has the same results in the memory store and the SQLite store.

import fc from "fast-check";
import { expect, it } from "vitest";
import { createMemoryStore } from "../../storage/memory.ts";
import { openSqliteStore } from "../../storage/sqlite.ts";
import type { ArchivedMessage, SessionChange, Store } from "../../storage/store.ts";
import { slot } from "./contract/uploads.ts";
import {
  account,
  archived,
  bcrypt,
  event,
  item,
  presentity,
  publication,
  pushService,
  relation,
  savedSession,
  scram,
  subscription,
  token,
  unacked,
} from "./records.ts";
import { temporaryFolder } from "./temporary.ts";

type Operation = (store: Store) => Promise<unknown>;

const localpart = fc.constantFrom("juliet", "nurse", "\u{ff5e}", "\u{20000}");
const owner = localpart.map((name) => `${name}@example.com`);
const foreign = fc.constantFrom("romeo@example.net", "paris@example.net", "example.net", "romeo@other.example");
const scope = fc.oneof(
  foreign.map((address) => ({ presentity: address })),
  fc.constantFrom({ domain: "example.net" }, { domain: "other.example" }),
);
const small = fc.integer({ min: -1, max: 12 });
const text = fc.constantFrom("", "a", "b", "ä\u{1f339}");
const time = fc.option(small);
const credentials = fc.array(fc.constantFrom(bcrypt, scram(), scram({ kind: "SCRAM-SHA-1", keyId: "k2" })), {
  maxLength: 2,
});
/** What an update callback does. */
const step = fc.constantFrom("keep", "delete", "put", "put", "throw");

const messageId = fc.constantFrom("1", "2", "3", "4", "5", "6");
const contact = fc.constantFrom("romeo@example.net", "\u{ff5e}@example.com");
const messages: fc.Arbitrary<ArchivedMessage[]> = fc.array(
  fc
    .record({ owner, id: messageId, with: contact, at: small })
    .map(({ owner: of, id, ...rest }) => archived(of, id, rest)),
  { maxLength: 3 },
);
const bounded = { with: contact, start: small, end: small };
const archiveQuery = fc.record(
  {
    ...bounded,
    afterId: messageId,
    beforeId: messageId,
    ids: fc.array(messageId, { maxLength: 3 }),
    backward: fc.boolean(),
    limit: small,
  },
  { requiredKeys: ["backward", "limit"] },
);
const sessionId = fc.constantFrom("s1", "s2", "s3");
const sessionChanges: fc.Arbitrary<SessionChange[]> = fc.array(
  fc
    .record(
      {
        id: sessionId,
        save: fc.record({ owner, inbound: small }),
        inbound: small,
        append: fc.array(
          small.map((sequence) => unacked(sequence)),
          { maxLength: 2 },
        ),
        ackedUpTo: small,
        remove: fc.boolean(),
      },
      { requiredKeys: ["id"] },
    )
    .map(({ save, ...change }) => ({ ...change, ...(save && { save: savedSession(change.id, save) }) })),
  { maxLength: 4 },
);

function changed<T>(action: string, current: T | undefined, next: T): T | undefined {
  if (action === "throw") throw new Error("callback");
  if (action === "keep") return current;
  return action === "put" ? next : undefined;
}

function operation<T extends [unknown, ...unknown[]]>(
  run: (store: Store, ...values: T) => Promise<unknown>,
  ...values: { [K in keyof T]: fc.Arbitrary<T[K]> }
): fc.Arbitrary<Operation> {
  return fc.tuple<T>(...values).map((drawn) => {
    const bound: Operation = (store) => run(store, ...drawn);
    return Object.assign(bound, { [fc.toStringMethod]: () => `${run} with ${fc.stringify(drawn)}` });
  });
}

const operations: fc.Arbitrary<Operation>[] = [
  operation((s, name, list) => s.accounts.create(account(name, list)), localpart, credentials),
  operation((s, name, list) => s.accounts.setCredentials(name, list), localpart, credentials),
  operation((s, name) => s.accounts.delete(name, `${name}@example.com`), localpart),
  operation((s, after, limit) => s.accounts.list({ after, limit }), text, small),
  operation((s, name) => s.accounts.get(name), localpart),
  operation((s) => s.accounts.countBcryptOnly(), fc.constant(0)),
  operation((s) => s.accounts.countWithout("SCRAM-SHA-256"), fc.constant(0)),
  operation((s) => s.accounts.countWithout("SCRAM-SHA-1"), fc.constant(0)),
  operation(
    (s, name, list, existing, contact, xml) => {
      const holdings = {
        ...(contact !== "example.net" && { roster: [item(contact, { name: xml })] }),
        offline: [{ xml, at: 1 }],
        privateXml: [{ ns: "n", name: "a", xml: "<a/>" }],
      };
      const imported = { account: account(name, list), owner: `${name}@example.com`, holdings };
      return s.accounts.import({ ...imported, quota: { nodes: 1, bytes: 1 } }, existing);
    },
    ...([localpart, credentials, fc.constantFrom("keep" as const, "replace" as const), foreign, text] as const),
  ),
  operation((s, of) => s.profiles.allPrivateXml(of), owner),
  operation(
    (s, of, contact, name, action, max) => {
      const inRoster = name !== "";
      return s.roster.update(
        of,
        contact,
        (now) => changed(action, now, item(contact, { name, groups: [name], inRoster })),
        { items: max + 1, requests: max },
      );
    },
    ...([owner, foreign, text, step, small] as const),
  ),
  operation((s, of) => s.roster.load(of), owner),
  operation((s, of, version) => s.roster.changesSince(of, version), owner, small),
  operation((s, of, xml, quota) => s.offline.add(of, xml, 1, quota), owner, text, small),
  operation((s, of, after, limit) => s.offline.load(of, after, limit), owner, small, small),
  operation((s, of, id) => s.offline.removeUpTo(of, id), owner, small),
  operation((s, of, ids) => s.offline.remove(of, ids), owner, fc.array(small, { maxLength: 3 })),
  operation((s, of, added) => s.offline.sort(of, added), owner, small),
  operation((s, of) => s.offline.count(of), owner),
  operation((s, list) => s.archive.add(list), messages),
  operation((s, of, query) => s.archive.page(of, query), owner, archiveQuery),
  operation(
    (s, of, query, most) => s.archive.count(of, query, most),
    ...([owner, fc.record(bounded, { requiredKeys: [] }), small] as const),
  ),
  operation((s, of) => s.archive.bounds(of), owner),
  operation(
    (s, of, policy) => s.archive.setPreferences(of, { default: policy, always: [of], never: [] }),
    ...([owner, fc.constantFrom("always", "never", "roster")] as const),
  ),
  operation((s, of) => s.archive.preferences(of), owner),
  operation((s, before, keep) => s.archive.prune(before, keep, 1_000), small, fc.integer({ min: 0, max: 5 })),
  operation((s, of) => s.archive.removeOwner(of), owner),
  operation((s, changes) => s.sessions.apply(changes), sessionChanges),
  operation((s) => s.sessions.loadAll(), fc.constant(0)),
  operation((s, of, list, limit) => s.blocking.add(of, list, limit), owner, fc.array(contact, { maxLength: 3 }), small),
  operation((s, of, list) => s.blocking.remove(of, list), owner, fc.array(contact, { maxLength: 3 })),
  operation((s, of) => s.blocking.clear(of), owner),
  operation((s, of) => s.blocking.list(of), owner),
  operation((s, of) => s.profiles.vcard(of), owner),
  operation((s, of, action, xml) => s.profiles.updateVcard(of, (now) => changed(action, now, xml)), owner, step, text),
  operation(
    (s, of, list, elements, bytes) => s.profiles.setPrivateXml(of, list, { elements, bytes }),
    ...([
      owner,
      fc.array(fc.record({ ns: fc.constantFrom("a", "ä"), name: fc.constantFrom("x", "y"), xml: text }), {
        maxLength: 3,
      }),
      small,
      small,
    ] as const),
  ),
  operation(
    (s, of, ns, name) => s.profiles.privateXml(of, ns, name),
    owner,
    fc.constantFrom("a", "ä"),
    fc.constant("x"),
  ),
  operation((s, of, at, status) => s.profiles.setLastActivity(of, { at, status }), owner, small, text),
  operation((s, of) => s.profiles.lastActivity(of), owner),
  operation((s, of) => s.profiles.erase(of), owner),
  operation(
    (s, of, jid, node, most) => s.pushes.put(of, pushService(jid, node), most),
    ...([owner, fc.constantFrom("\u{ff5e}", "\u{20000}"), text, small] as const),
  ),
  operation((s, of) => s.pushes.list(of), owner),
  operation(
    (s, of, jid, node) => s.pushes.remove(of, jid, node ?? undefined),
    owner,
    fc.constantFrom("\u{ff5e}", "b"),
    fc.option(text),
  ),
  operation((s, of) => s.pushes.erase(of), owner),
  operation(
    (s, id, of, until, oldestGo) =>
      s.uploads.reserve(slot(id, { owner: of, until, keepUntil: until }), 3, { bytes: 250, files: 3, oldestGo }),
    ...([text, owner, time, fc.boolean()] as const),
  ),
  operation((s, id) => s.uploads.get(id), text),
  operation((s, id, now) => s.uploads.begin(id, now, now + 2), text, small),
  operation((s, id, type) => s.uploads.complete(id, type), text, text),
  operation((s, now, limit) => s.uploads.expired(now, limit), small, small),
  operation((s, ids) => s.uploads.remove(ids), fc.array(text, { maxLength: 2 })),
  operation((s, address, formalName) => s.gateway.putPresentity(presentity(address, { formalName })), foreign, text),
  operation((s, address) => s.gateway.deletePresentity(address), foreign),
  operation((s, after, limit) => s.gateway.listPresentities("example.net", { after, limit }), text, small),
  operation(
    (s, address, action, ends) =>
      s.gateway.updatePublication(address, (now) => changed(action, now, publication("e", ends))),
    ...([foreign, step, time] as const),
  ),
  operation((s, now) => s.gateway.expiredPublications(now), small),
  operation(
    (s, address, user, action, until) =>
      s.gateway.updateRelation(address, user, (now) => {
        const lastOpen = until === null || until > 5;
        const next = relation(address, user, { subscription: { ...subscription(until), lastOpen } });
        return { next: changed(action, now, next), events: [event(address, { at: until ?? 0 })] };
      }),
    ...([foreign, owner, step, time] as const),
  ),
  operation((s, now) => s.gateway.expiredSubscriptions(now), small),
  operation((s) => s.gateway.openSubscriptions(), fc.constant(0)),
  operation((s, address) => s.gateway.listRelations(address), foreign),
  operation((s, user) => s.gateway.listRelationsOfUser(user), owner),
  operation((s, address, at) => s.gateway.appendEvents([event(address, { at })]), foreign, small),
  operation((s, of, after, limit) => s.gateway.eventsAfter(of, after, limit), scope, small, small),
  operation((s, of) => s.gateway.eventBounds(of), scope),
  operation((s, before, keep) => s.gateway.pruneEvents(before, keep), small, fc.integer({ min: 0, max: 3 })),
  operation((s, id, address) => s.gateway.addToken(token(id, { scope: `presentity:${address}` })), text, foreign),
  operation((s, id) => s.gateway.revokeToken(id), text),
  operation((s) => s.gateway.listTokens(), fc.constant(0)),
];

const path = temporaryFolder();

it("memory and SQLite agree", async () => {
  const turns = fc.array(fc.array(fc.oneof(...operations), { maxLength: 6 }), { maxLength: 12 });
  let run = 0;
  const outcome = (result: PromiseSettledResult<unknown>): unknown =>
    result.status === "fulfilled" ? { value: result.value } : "rejected";
  await fc.assert(
    fc.asyncProperty(turns, async (script) => {
      run += 1;
      const stores = [createMemoryStore(), openSqliteStore(path(`run-${run}.sqlite`))];
      for (const turn of script) {
        const [memory, sqlite] = await Promise.all(
          stores.map(async (store) => (await Promise.allSettled(turn.map((operate) => operate(store)))).map(outcome)),
        );
        expect(sqlite).toStrictEqual(memory);
      }
      await Promise.all(stores.map((store) => store.close()));
    }),
    { numRuns: 150 },
  );
});
