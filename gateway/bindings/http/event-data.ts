// Operations towards the foreign side as events: what stands in their JSON (spec/http-binding.md, Events).

import type { EpochMs } from "../../../server/clock.ts";
import type { Jid } from "../../../server/jid.ts";
import type { NewGatewayEvent } from "../../../storage/store.ts";
import type { OutboundOperation } from "../binding.ts";
import { uriOf } from "./addresses.ts";
import type { EventData } from "./schemas.ts";

/** The log record of an operation. Errors: throws if an address has no localpart. */
export function eventOf(operation: OutboundOperation, at: EpochMs): NewGatewayEvent {
  const presentity = presentityOf(operation).bareString;
  return { presentity, type: operation.kind, data: JSON.stringify(dataOf(operation)), at };
}

function presentityOf(operation: OutboundOperation): Jid {
  switch (operation.kind) {
    case "message":
      return operation.destination;
    case "notify":
    case "terminated":
      return operation.watcher;
    case "subscribe":
    case "unsubscribe":
      return operation.target;
    case "response":
      return operation.presentity;
  }
}

function dataOf(operation: OutboundOperation): EventData {
  switch (operation.kind) {
    case "message":
      return {
        transId: operation.transId,
        source: uriOf(operation.source, "im"),
        destination: uriOf(operation.destination, "im"),
        contentType: "message/cpim",
        object: operation.object.toString("utf8"),
      };
    case "notify":
      return {
        transId: operation.transId,
        target: uriOf(operation.target, "pres"),
        watcher: uriOf(operation.watcher, "pres"),
        contentType: "application/pidf+xml",
        object: operation.object,
        subscription: operation.subscription,
      };
    case "subscribe":
    case "unsubscribe":
      return {
        transId: operation.transId,
        watcher: uriOf(operation.watcher, "pres"),
        target: uriOf(operation.target, "pres"),
      };
    case "terminated":
      return {
        target: uriOf(operation.target, "pres"),
        watcher: uriOf(operation.watcher, "pres"),
        reason: operation.reason,
      };
    case "response":
      return operation.condition === undefined
        ? { transId: operation.transId, status: operation.status }
        : { transId: operation.transId, status: operation.status, condition: operation.condition };
  }
}
