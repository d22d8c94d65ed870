// Operations towards the foreign side as events: what stands in their JSON (docs/http-binding.md, Events).

import type { EpochMs } from "../../../server/clock.ts";
import type { Jid } from "../../../server/jid.ts";
import type { NewGatewayEvent } from "../../../storage/store.ts";
import type { EscapeForm } from "../../address.ts";
import type { OutboundOperation } from "../../operations.ts";
import { uriOf } from "./addresses.ts";
import type { EventData } from "./schemas.ts";

/**
 * The log record of an operation.
 * @param formFor the form of the addresses in it, by the presentity that it is for
 * @param write the JSON of its data
 * Errors: throws if an address has no localpart.
 */
export function eventOf(
  operation: OutboundOperation,
  at: EpochMs,
  formFor: (presentity: Jid) => EscapeForm,
  write: (data: EventData) => string = JSON.stringify,
): NewGatewayEvent {
  const presentity = presentityOf(operation);
  const data = dataOf(operation, formFor(presentity));
  return { presentity: presentity.bareString, type: operation.kind, data: write(data), at };
}

/** Writes the data of events, one after the other. */
export class EventWriter {
  /** The last document, and its JSON: the watchers of one user get the same one after the other. */
  #document = "";
  #json = '""';

  readonly write = (data: EventData): string => {
    if (!("subscription" in data)) return JSON.stringify(data);
    const { object, ...rest } = data;
    if (object !== this.#document) {
      this.#json = JSON.stringify(object);
      this.#document = object;
    }
    return `${JSON.stringify(rest).slice(0, -1)},"object":${this.#json}}`;
  };
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

function dataOf(operation: OutboundOperation, form: EscapeForm): EventData {
  switch (operation.kind) {
    case "message":
      return {
        transId: operation.transId,
        source: uriOf(operation.source, "im", form),
        destination: uriOf(operation.destination, "im", form),
        maxForwards: operation.maxForwards,
        contentType: "message/cpim",
        object: operation.object.toString("utf8"),
      };
    case "notify":
      return {
        transId: operation.transId,
        target: uriOf(operation.target, "pres", form),
        watcher: uriOf(operation.watcher, "pres", form),
        contentType: "application/pidf+xml",
        object: operation.object,
        subscription: operation.subscription,
      };
    case "subscribe":
    case "unsubscribe":
      return {
        transId: operation.transId,
        watcher: uriOf(operation.watcher, "pres", form),
        target: uriOf(operation.target, "pres", form),
      };
    case "terminated":
      return {
        ...(operation.transId === undefined ? {} : { transId: operation.transId }),
        target: uriOf(operation.target, "pres", form),
        watcher: uriOf(operation.watcher, "pres", form),
        reason: operation.reason,
      };
    case "response":
      return operation.condition === undefined
        ? { transId: operation.transId, status: operation.status }
        : { transId: operation.transId, status: operation.status, condition: operation.condition };
  }
}
