// The gateway's event log: ids only grow, and what was pruned is remembered.

import { domainOf, rows } from "../bounds.ts";
import type { EventScope, GatewayEvent, GatewayStore, NewGatewayEvent } from "../store.ts";
import type { Run } from "./run.ts";

type Events = Pick<GatewayStore, "appendEvents" | "eventsAfter" | "eventBounds" | "pruneEvents">;

/** The log, and `append` for the operations of others. */
export function memoryEvents(run: Run): {
  readonly store: Events;
  readonly append: (event: NewGatewayEvent) => GatewayEvent;
} {
  let log: GatewayEvent[] = []; // in order of id
  let lastId = 0;
  const pruned = new Map<string, number>(); // highest pruned id of each presentity

  function append({ presentity, type, data, at }: NewGatewayEvent): GatewayEvent {
    lastId += 1;
    const event = Object.freeze({ id: lastId, presentity, type, data, at });
    log.push(event);
    return event;
  }

  const store: Events = {
    appendEvents: (events) => run(() => events.map(append)),
    eventsAfter: (scope, afterId, limit) =>
      run(() => log.filter(({ id, presentity }) => id > afterId && inScope(scope, presentity)).slice(0, rows(limit))),
    eventBounds: (scope) =>
      run(() => {
        let prunedUpTo = 0;
        for (const [presentity, id] of pruned) if (inScope(scope, presentity)) prunedUpTo = Math.max(prunedUpTo, id);
        return { prunedUpTo, last: lastId };
      }),
    pruneEvents: (before, keepPerPresentity) =>
      run(() => {
        const seen = new Map<string, number>(); // events of each presentity, counted from the newest
        const kept: GatewayEvent[] = [];
        for (const event of log.toReversed()) {
          const newer = seen.get(event.presentity) ?? 0;
          seen.set(event.presentity, newer + 1);
          if (newer < rows(keepPerPresentity) || event.at >= before) kept.push(event);
          else pruned.set(event.presentity, Math.max(pruned.get(event.presentity) ?? 0, event.id));
        }
        const removed = log.length - kept.length;
        log = kept.reverse();
        return removed;
      }),
  };
  return { store, append };
}

function inScope(scope: EventScope, presentity: string): boolean {
  return "presentity" in scope ? presentity === scope.presentity : domainOf(presentity) === scope.domain;
}
