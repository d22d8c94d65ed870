// The HTTP binding (docs/http-binding.md): CPP and CPIM operations for the foreign side, on the server's HTTP listener.

import type { FastifyInstance } from "fastify";
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import type { AuditNotes } from "../../../server/audit.ts";
import type { Clock } from "../../../server/clock.ts";
import type { Config } from "../../../server/config.ts";
import { notFoundHandler, problemHandler } from "../../../server/http/problem.ts";
import type { Logger } from "../../../server/log.ts";
import type { GatewayEvent, GatewayStore } from "../../../storage/store.ts";
import { domainSettings } from "../../domain-settings.ts";
import type { EventLog, ForeignSide } from "../binding.ts";
import { createAccess } from "./access.ts";
import { parseBodies } from "./bodies.ts";
import { eventOf } from "./event-data.ts";
import { domainEventRoute, presentityEventRoute } from "./event-routes.ts";
import { EventStreams } from "./events.ts";
import { messageRoutes } from "./messages.ts";
import { describeRoutes, openApiRoute } from "./openapi.ts";
import { presenceRoutes } from "./presence.ts";
import { presentityListRoute, presentityRoutes } from "./presentities.ts";
import { subscriptionRoutes } from "./subscriptions.ts";
import { watcherRoutes } from "./watchers.ts";

export const BASE_PATH = "/cpim/v1";

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
  const streams = new EventStreams({
    store,
    clock,
    log,
    heartbeatMs: config.gateway.heartbeatSeconds * 1000,
    maxStreams: config.limits.eventStreams,
  });
  const context = { foreignSide, access, streams, store, audit: options.audit };

  async function addCalls(app: FastifyInstance): Promise<void> {
    app.setValidatorCompiler(validatorCompiler);
    app.setSerializerCompiler(serializerCompiler);
    app.setErrorHandler(problemHandler(log, config.limits.httpBodyBytes));
    app.setNotFoundHandler(notFoundHandler);
    app.addHook("preClose", async () => streams.stop());
    access.decorate(app);
    parseBodies(app);
    await describeRoutes(app, BASE_PATH);
    openApiRoute(app);
    await app.register(async (plain) => {
      const withToken = plain.withTypeProvider<ZodTypeProvider>();
      withToken.addHook("onRequest", access.authenticate);
      presentityListRoute(withToken, context, domains);
      messageRoutes(withToken, context);
      domainEventRoute(withToken, context, domains);
      await withToken.register(async (inner) => {
        const ofPresentity = inner.withTypeProvider<ZodTypeProvider>();
        ofPresentity.addHook("onRequest", access.actAsPresentity);
        presentityRoutes(ofPresentity, context);
        presenceRoutes(ofPresentity, context);
        watcherRoutes(ofPresentity, context);
        subscriptionRoutes(ofPresentity, context);
        presentityEventRoute(ofPresentity, context);
      });
    });
  }

  return {
    eventLog: {
      record: (operation) => eventOf(operation, clock.now(), access.formFor),
      announce: (events) => {
        options.announced?.(events);
        streams.announce(events);
      },
    },
    get consumers() {
      return streams.count;
    },
    register: async (app) => {
      await app.register(addCalls, { prefix: BASE_PATH });
    },
    stop: () => streams.stop(),
  };
}
