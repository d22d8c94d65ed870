// All calls of the HTTP binding, on an app of their own beneath the listener's.

import type { FastifyInstance } from "fastify";
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import type { Config } from "../../../server/config.ts";
import { notFoundHandler, problemHandler } from "../../../server/http/problem.ts";
import type { Logger } from "../../../server/log.ts";
import type { GatewayStore } from "../../../storage/store.ts";
import { parseBodies } from "./bodies.ts";
import { domainEventRoute, presentityEventRoute } from "./event-routes.ts";
import type { EventStreams } from "./events.ts";
import { messageRoutes } from "./messages.ts";
import { describeRoutes, openApiRoute } from "./openapi.ts";
import { presenceRoutes } from "./presence.ts";
import { presentityListRoute, presentityRoutes } from "./presentities.ts";
import type { RouteContext } from "./routes.ts";
import { subscriptionRoutes } from "./subscriptions.ts";
import { watcherRoutes } from "./watchers.ts";

export type CallsContext = RouteContext & {
  readonly streams: EventStreams;
  readonly store: GatewayStore;
  /** The gateway's domains, prepared. */
  readonly domains: ReadonlySet<string>;
  readonly config: Pick<Config, "limits">;
  readonly log: Logger;
};

/** @param app under the binding's path */
export async function addCalls(app: FastifyInstance, context: CallsContext): Promise<void> {
  const { access, streams, domains, config, log } = context;
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(problemHandler(log, config.limits.httpBodyBytes));
  app.setNotFoundHandler(notFoundHandler);
  app.addHook("preClose", async () => streams.stop());
  access.decorate(app);
  parseBodies(app);
  await describeRoutes(app, app.prefix);
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
