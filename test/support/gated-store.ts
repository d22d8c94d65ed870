// A memory store whose next call of one operation waits until the test lets it go: what a slow disk does, without a sleep.

import { createMemoryStore } from "../../storage/memory.ts";
import type { Store } from "../../storage/store.ts";

export type Gate = {
  /** The operation was called, and waits. */
  readonly reached: Promise<void>;
  open(): void;
  /** The operation goes wrong, and changes nothing. */
  fail(error: Error): void;
};

export type GatedStore = {
  readonly store: Store;
  /** Holds the next call of, for example, `"offline", "load"`; the calls after it pass. */
  hold<T extends "accounts" | "roster" | "offline" | "archive" | "rooms">(
    table: T,
    operation: keyof Store[T] & string,
  ): Gate;
};

export function gatedStore(): GatedStore {
  const inner = createMemoryStore();
  const gates = new Map<string, { reach: () => void; opened: Promise<void> }>();
  const guard = <T extends object>(table: string, target: T): T =>
    new Proxy(target, {
      get(_target, name: string) {
        const value = target[name as keyof T];
        if (typeof value !== "function" || name === "newId") return value;
        return async (...args: unknown[]) => {
          const gate = gates.get(`${table}.${name}`);
          if (gate !== undefined) {
            gates.delete(`${table}.${name}`);
            gate.reach();
            await gate.opened;
          }
          return value.apply(target, args);
        };
      },
    });
  return {
    store: {
      ...inner,
      accounts: guard("accounts", inner.accounts),
      roster: guard("roster", inner.roster),
      offline: guard("offline", inner.offline),
      archive: guard("archive", inner.archive),
      rooms: guard("rooms", inner.rooms),
    },
    hold(table, operation) {
      let open: () => void = () => {};
      let fail: (error: Error) => void = () => {};
      let reach: () => void = () => {};
      const opened = new Promise<void>((resolve, reject) => {
        open = resolve;
        fail = reject;
      });
      const reached = new Promise<void>((resolve) => {
        reach = resolve;
      });
      gates.set(`${table}.${operation}`, { reach, opened });
      return { reached, open, fail };
    },
  };
}
