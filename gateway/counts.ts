// What the gateway counts, for the server's metrics: operations of the foreign side by outcome, and events towards it.

import type { GatewayEvent } from "../storage/store.ts";
import type { ForeignSide } from "./bindings/binding.ts";
import { isFailure } from "./host.ts";

export type OperationOutcomes = { done: number; refused: number; failed: number };

export class GatewayCounts {
  readonly operations = new Map<string, OperationOutcomes>();
  readonly events: Record<GatewayEvent["type"], number> = {
    message: 0,
    notify: 0,
    subscribe: 0,
    unsubscribe: 0,
    terminated: 0,
    response: 0,
  };

  announced(events: readonly GatewayEvent[]): void {
    for (const { type } of events) this.events[type] += 1;
  }

  /** The same operations, each counted by its name and how it ended. */
  counting(side: ForeignSide): ForeignSide {
    const calls = Object.entries(side) as [string, (...args: unknown[]) => Promise<unknown>][];
    const counted = calls.map(([name, call]) => {
      const outcomes = { done: 0, refused: 0, failed: 0 };
      this.operations.set(name, outcomes);
      const run = async (...args: unknown[]): Promise<unknown> => {
        try {
          const outcome = await call(...args);
          outcomes[isFailure(outcome) ? "refused" : "done"] += 1;
          return outcome;
        } catch (error) {
          outcomes.failed += 1;
          throw error;
        }
      };
      return [name, run] as const;
    });
    return Object.fromEntries(counted) as unknown as ForeignSide;
  }
}
