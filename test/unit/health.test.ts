// What /healthz finds, apart from the server.

import { expect, test } from "vitest";
import { type HealthSources, healthProblems } from "../../server/health.ts";
import { createMemoryStore } from "../../storage/memory.ts";
import { FakeClock } from "../support/fake-clock.ts";

const open = { listening: true };
const closed = { listening: false };

function problems(sources: Partial<HealthSources>): Promise<string[]> {
  return healthProblems({ store: createMemoryStore(), clock: new FakeClock(), listeners: {}, ...sources });
}

test("listeners: those that are to be open, and are not", async () => {
  expect(await problems({ listeners: { STARTTLS: open, "direct TLS": open } })).toEqual([]);
  expect(await problems({ listeners: { STARTTLS: open, "direct TLS": undefined } })).toEqual([]);
  expect(await problems({ listeners: { STARTTLS: closed, "direct TLS": open } })).toEqual([
    "the port for STARTTLS is not open",
  ]);
});

test("a store that never answers is given five seconds", async () => {
  const clock = new FakeClock();
  const store = createMemoryStore();
  const hanging = { ...store, accounts: { ...store.accounts, get: () => new Promise<undefined>(() => {}) } };
  const found = problems({ store: hanging, clock });
  expect(await clock.nextDelay()).toBe(5_000);
  clock.advance(5_000);
  expect(await found).toEqual(["the store does not answer"]);
});

test("one that answers leaves no timer, and one that fails is not well", async () => {
  const clock = new FakeClock();
  const store = createMemoryStore();
  expect(await problems({ store, clock })).toEqual([]);
  expect(clock.timers).toBe(0);
  await store.close();
  expect(await problems({ store, clock })).toEqual(["the store does not answer"]);
  expect(clock.timers).toBe(0);
});
