// A roster and the gateway's own record of a relation are committed one after the other; a crash may come between. What the
// two then say of each other is put right by the next word of either side.

import { expect, it } from "vitest";
import { createMemoryStore } from "../../storage/memory.ts";
import type { Relation, RosterItem, Store } from "../../storage/store.ts";
import { pidf } from "../support/foreign.ts";
import { eventsUntilNow, JULIET, ROMEO, relation, SUBSCRIPTION, stage } from "../support/stage.ts";

const ITEM: RosterItem = {
  contact: ROMEO,
  inRoster: true,
  name: "",
  groups: [],
  state: "none",
  approved: false,
  pendingSubscribe: "",
};
const RELATION: Relation = {
  presentity: ROMEO,
  user: JULIET,
  state: "none",
  approved: false,
  watch: null,
  subscription: null,
};
const PENDING: Relation = {
  ...RELATION,
  state: "none+out",
  subscription: {
    state: "pending",
    subscriptId: "first",
    transId: "t1",
    since: 0,
    until: Number.MAX_SAFE_INTEGER,
    durationSeconds: null,
    lastDigest: "",
    lastOpen: false,
  },
};

/** A store in which Juliet's roster says one thing of Romeo; the relation is put beside it by `crashed`. */
async function storeWith(item: Partial<RosterItem>): Promise<Store> {
  const store = createMemoryStore();
  await store.roster.update(JULIET, ROMEO, () => ({ ...ITEM, ...item }));
  return store;
}

async function crashed(item: Partial<RosterItem>, next: Relation) {
  const scene = await stage({}, { store: await storeWith(item) });
  await scene.store.gateway.updateRelation(ROMEO, JULIET, () => ({ next }));
  return scene;
}

it("a request that never reached the user is no conflict: it is made again", async () => {
  const scene = await crashed({}, PENDING);
  const again = await scene.foreign.call("PUT", SUBSCRIPTION, { transId: "t2" });
  expect(again.status).toBe(202);
  await scene.juliet.expect(`<presence type='subscribe' from='${ROMEO}' id='t2'/>`);
  scene.juliet.send(`<presence type='subscribed' to='${ROMEO}'/>`);
  await scene.events.expect("response", { transId: "t2", status: "success" });
});

it("an approval that only the roster knows: told at the user's next presence", async () => {
  const scene = await crashed({ state: "from" }, PENDING);
  scene.juliet.send("<presence><show>away</show></presence>");
  await scene.events.expect("response", { transId: "t1", status: "success" });
  expect((await scene.events.expect("notify", { subscription: "first" })).data.object).toContain("away");
  expect(await relation(scene)).toMatchObject({ state: "to", subscription: { state: "active" } });
});

it("an approval that only the roster knows, and the presentity asks again: both requests are answered", async () => {
  const scene = await crashed({ state: "from" }, PENDING);
  const again = await scene.foreign.call("PUT", SUBSCRIPTION, { transId: "t2" });
  expect([again.status, again.json().status]).toEqual([200, "success"]);
  await scene.events.expect("response", { transId: "t1", status: "success" });
  await scene.events.expect("notify", { transId: "t2", subscription: "first" });
  expect(await eventsUntilNow(scene)).toEqual([]);
});

it("an approval that the user's roster does not know: told again when she asks again", async () => {
  const watch = { transId: "s1", subscriptId: "w", since: 0 };
  const scene = await crashed({ state: "none+out" }, { ...RELATION, state: "from", watch });
  await scene.foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard" }));
  await scene.juliet.untilNow();
  scene.juliet.send(`<presence to='${ROMEO}' type='subscribe' id='s2'/>`);
  await scene.juliet.expect(`<presence type='subscribed' from='${ROMEO}' id='s1'/>`);
  await scene.juliet.until(`<presence from='${ROMEO}/orchard'/>`);
  expect(await eventsUntilNow(scene)).toEqual([]);
});
