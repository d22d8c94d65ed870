// The HTTP binding (docs/http-binding.md): CPP and CPIM operations for the foreign side, on the server's HTTP listener.

import type { FastifyInstance } from "fastify";
import type { AuditNotes } from "../../../server/audit.ts";
import type { Clock } from "../../../server/clock.ts";
import type { Config } from "../../../server/config.ts";
import type { Logger } from "../../../server/log.ts";
import type { GatewayEvent, GatewayStore } from "../../../storage/store.ts";
import { domainSettings } from "../../domain-settings.ts";
import type { EventLog, ForeignSide } from "../binding.ts";
import { createAccess } from "./access.ts";
import { EventWriter, eventOf } from "./event-data.ts";
import { EventStreams } from "./events.ts";

const BASE_PATH = "/cpim/v1";

export type HttpBindingOptions = {
  readonly foreignSide: ForeignSide;
  readonly store: GatewayStore;
  readonly config: Pick<Config, "gateway" | "limits">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly audit?: AuditNotes;
  /** Is told of the events that are announced. */
  readonly announced?: (events: readonly GatewayEvent[]) => void;
  /** The gateway's domains, prepared. */
  readonly domains: Iterable<string>;
};

export interface HttpBinding {
  readonly eventLog: EventLog;
  /** Open event streams. */
  readonly consumers: number;
  /** Adds the calls to the listener's app, before that starts. */
  register(app: FastifyInstance): Promise<void>;
  /** Ends the event streams. The app does so too when it closes. */
  stop(): void;
}

export function createHttpBinding(options: HttpBindingOptions): HttpBinding {
  const { foreignSide, store, config, clock, log } = options;
  const domains: ReadonlySet<string> = new Set(options.domains);
  const access = createAccess(store, domains, (domainpart) => domainSettings(config, domainpart).addressForm);
  const writer = new EventWriter();
  const streams = new EventStreams({
    store,
    clock,
    log,
    heartbeatMs: config.gateway.heartbeatSeconds * 1000,
    maxStreams: config.limits.eventStreams,
  });
  const context = { foreignSide, access, streams, store, audit: options.audit, domains, config, log };

  return {
    eventLog: {
      record: (operation) => eventOf(operation, clock.now(), access.formFor, writer.write),
      announce: (events) => {
        options.announced?.(events);
        streams.announce(events);
      },
    },
    get consumers() {
      return streams.count;
    },
    register: async (app) => {
      // What describes and checks the calls is loaded only where there is a port for them.
      const { addCalls } = await import("./calls.ts");
      await app.register((calls) => addCalls(calls, context), { prefix: BASE_PATH });
    },
    stop: () => streams.stop(),
  };
}
