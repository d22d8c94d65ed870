// The memory store keeps the contract, at once.

import { expect, it } from "vitest";
import { createMemoryStore } from "../../storage/memory.ts";
import { storeContract } from "./contract.ts";
import { item, JULIET, ROMEO } from "./records.ts";

storeContract("memory store", createMemoryStore);

it("answers in a microtask", async () => {
  const store = createMemoryStore();
  let answered = false;
  void store.roster
    .update(JULIET, ROMEO, () => item(ROMEO))
    .then(() => {
      answered = true;
    });
  expect(answered).toBe(false);
  for (let n = 0; n < 3; n += 1) await Promise.resolve();
  expect(answered).toBe(true);
});

it("returns frozen records", async () => {
  const store = createMemoryStore();
  await store.roster.update(JULIET, ROMEO, () => item(ROMEO, { groups: ["Friends"] }));
  const kept = await store.roster.get(JULIET, ROMEO);
  expect(Object.isFrozen(kept) && Object.isFrozen(kept?.groups)).toBe(true);
});

it("shares nothing between two stores", async () => {
  const [one, other] = [createMemoryStore(), createMemoryStore()];
  await one.roster.update(JULIET, ROMEO, () => item(ROMEO));
  expect((await other.roster.load(JULIET)).items).toEqual([]);
  expect(await one.secret("a")).not.toBe(await other.secret("a"));
});
