// Store: secrets, and the end.

import { describe, expect, it } from "vitest";
import { StoreClosedError } from "../../../storage/errors.ts";
import type { Store } from "../../../storage/store.ts";
import { AT, account, archived, event, item, JULIET, nodeState, presentity, ROMEO, token } from "../records.ts";
import { slot } from "./uploads.ts";

/** One call of every method. */
function everyCall({
  accounts,
  roster,
  offline,
  archive,
  sessions,
  pubsub,
  capabilities,
  blocking,
  audit,
  gateway,
  uploads,
  secret,
}: Store): Promise<unknown>[] {
  const page = { limit: 10 };
  return [
    accounts.create(account("juliet")),
    accounts.get("juliet"),
    accounts.setCredentials("juliet", []),
    accounts.delete("juliet", JULIET),
    accounts.list(page),
    accounts.countBcryptOnly(),
    accounts.countWithout("SCRAM-SHA-1"),
    accounts.import({ account: account("juliet"), owner: JULIET, holdings: {}, quota: { nodes: 1, bytes: 1 } }, "keep"),
    roster.load(JULIET),
    roster.get(JULIET, ROMEO),
    roster.update(JULIET, ROMEO, () => item(ROMEO)),
    roster.changesSince(JULIET, 0),
    offline.add(JULIET, "<message/>", AT, 10),
    offline.load(JULIET, 0, 10),
    offline.removeUpTo(JULIET, 0),
    offline.count(JULIET),
    archive.add([archived(JULIET, "1")]),
    archive.page(JULIET, { backward: false, limit: 10 }),
    archive.count(JULIET, {}, 10),
    archive.bounds(JULIET),
    archive.preferences(JULIET),
    archive.setPreferences(JULIET, { default: "always", always: [], never: [] }),
    archive.prune(AT, 10, 10),
    archive.removeOwner(JULIET),
    sessions.apply([]),
    sessions.loadAll(),
    pubsub.node(JULIET, "n"),
    pubsub.nodes(JULIET, page),
    pubsub.create(JULIET, "n", nodeState(), AT, { nodes: 1, bytes: 1 }),
    pubsub.update(
      JULIET,
      "n",
      () => undefined,
      () => 1,
    ),
    pubsub.remove(JULIET, "n"),
    pubsub.publish(JULIET, "n", () => undefined, { nodes: 1, bytes: 1 }),
    pubsub.retract(JULIET, "n", "1"),
    pubsub.purge(JULIET, "n"),
    pubsub.items(JULIET, "n", { since: 0, backward: false, limit: 1 }),
    pubsub.itemsById(JULIET, "n", ["1"]),
    pubsub.count(JULIET, "n"),
    pubsub.lastItems([JULIET], new Set(["n"])),
    capabilities.get("h"),
    capabilities.put("h", [], 1),
    blocking.list(JULIET),
    blocking.add(JULIET, [ROMEO], 10),
    blocking.remove(JULIET, [ROMEO]),
    blocking.clear(JULIET),
    audit.add({ at: AT, event: "", account: "", address: "", detail: "" }),
    audit.list(10),
    gateway.putPresentity(presentity(ROMEO)),
    gateway.getPresentity(ROMEO),
    gateway.listPresentities("example.net", page),
    gateway.deletePresentity(ROMEO),
    gateway.getPublication(ROMEO),
    gateway.updatePublication(ROMEO, (now) => now),
    gateway.expiredPublications(AT),
    gateway.getRelation(ROMEO, JULIET),
    gateway.updateRelation(ROMEO, JULIET, (next) => ({ next })),
    gateway.listRelations(ROMEO),
    gateway.listRelationsOfUser(JULIET),
    gateway.expiredSubscriptions(AT),
    gateway.openSubscriptions(),
    gateway.appendEvents([event(ROMEO)]),
    gateway.eventsAfter({ presentity: ROMEO }, 0, 10),
    gateway.eventBounds({ presentity: ROMEO }),
    gateway.pruneEvents(0, 0),
    gateway.addToken(token("t1")),
    gateway.findToken("hash-of-t1"),
    gateway.listTokens(),
    gateway.revokeToken("t1"),
    uploads.reserve(slot("a"), AT, { bytes: 1_000, files: 10, oldestGo: true }),
    uploads.get("a"),
    uploads.begin("a", AT, AT),
    uploads.complete("a", ""),
    uploads.expired(AT, 10),
    uploads.remove(["a"]),
    secret("name"),
  ];
}

export function lifetimeContract(store: () => Store): void {
  describe("secret", () => {
    it("is made once for each name: 32 octets as hex", async () => {
      const [first, second, other] = await Promise.all([store().secret("a"), store().secret("a"), store().secret("b")]);
      expect(first).toMatch(/^[0-9a-f]{64}$/);
      expect(second).toBe(first);
      expect(other).not.toBe(first);
      expect(await store().secret("a")).toBe(first);
    });
  });

  describe("close", () => {
    it("answers what was asked before it", async () => {
      const answers = Promise.all(everyCall(store()));
      await store().close();
      expect((await answers)[0]).toBe(true);
    });

    it("refuses every call after it, and may be called again", async () => {
      await store().close();
      await store().close();
      for (const result of await Promise.allSettled(everyCall(store()))) {
        expect(result).toMatchObject({ status: "rejected", reason: new StoreClosedError() });
      }
    });
  });
}
