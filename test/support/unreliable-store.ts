// A store on a disk that a test makes slow, full, or locked: any operation can be held back or refused.

import { type Store, StoreWriteError } from "../../storage/store.ts";
import type { Gate } from "./gated-store.ts";

const TABLES = ["accounts", "roster", "offline", "archive", "sessions", "gateway"] as const;

/** `add` of `offline` is "offline.add". */
export type Operation = `${(typeof TABLES)[number]}.${string}`;

const READS = /\.(load|loadAll|get|list|count|find|page|query|bounds|preferences|newId)/;

export type UnreliableStore = {
  readonly store: Store;
  /** Holds the next call; the calls after it pass. */
  hold(operation: Operation): Gate;
  /** From now on these are refused; every write if none is named. */
  refuse(...operations: Operation[]): void;
  /** From now on those for which it says so are refused, with that. */
  refuseIf(error: (operation: Operation, args: readonly unknown[]) => Error | undefined): void;
  /** The disk takes everything again. */
  recover(): void;
};

/** @param inner it is not closed with a server, so that the next one finds what is on the disk */
export function unreliableStore(inner: Store): UnreliableStore {
  const gates = new Map<string, { reach: () => void; opened: Promise<void> }>();
  let refusal: (operation: Operation, args: readonly unknown[]) => Error | undefined = () => undefined;
  const guard = <T extends object>(table: (typeof TABLES)[number], target: T): T =>
    new Proxy(target, {
      get(_target, name: string) {
        const value = target[name as keyof T];
        if (typeof value !== "function") return value;
        const operation: Operation = `${table}.${name}`;
        return (...args: unknown[]): unknown => {
          const gate = gates.get(operation);
          if (gate !== undefined) {
            gates.delete(operation);
            gate.reach();
            return gate.opened.then(() => value.apply(target, args));
          }
          const error = refusal(operation, args);
          return error === undefined ? value.apply(target, args) : Promise.reject(error);
        };
      },
    });
  return {
    store: {
      ...inner,
      ...Object.fromEntries(TABLES.map((table) => [table, guard(table, inner[table])])),
      close: async () => {},
    },
    hold(operation) {
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
      gates.set(operation, { reach, opened });
      return { reached, open, fail };
    },
    refuse(...operations) {
      refusal = (operation) =>
        operations.length === 0
          ? READS.test(operation)
            ? undefined
            : full()
          : operations.includes(operation)
            ? full()
            : undefined;
    },
    refuseIf(error) {
      refusal = error;
    },
    recover() {
      refusal = () => undefined;
    },
  };
}

/** What SQLite's SQLITE_FULL becomes. */
export function full(): StoreWriteError {
  return new StoreWriteError("full", "the disk of the data folder is full", undefined);
}
