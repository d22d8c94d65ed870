// How an operation of the memory store runs: at once, answered in a microtask; refused after close.

import { StoreClosedError } from "../errors.ts";

/** Runs a step that throws only before it changes anything. */
export type Run = <T>(step: () => T) => Promise<T>;

/** One for each store; after `close`, `run` rejects with StoreClosedError. */
export function runner(): { readonly run: Run; readonly close: () => void } {
  let closed = false;
  return {
    run: async (step) => {
      if (closed) throw new StoreClosedError();
      return step();
    },
    close: () => {
      closed = true;
    },
  };
}
