// The two event streams (docs/http-binding.md, Events): of a presentity, and of a domain.

import type { FastifyReply, FastifyRequest } from "fastify";
import { type Problem, problem, SECURITY_HEADERS, sendProblem } from "../../../server/http/problem.ts";
import { prepareDomainpart } from "../../../server/jid.ts";
import type { EventScope, GatewayStore } from "../../../storage/store.ts";
import { noSuchDomain, outOfScope } from "./access.ts";
import type { EventStreams } from "./events.ts";
import { noSuchPresentity } from "./problem.ts";
import { type App, problems, type RouteContext } from "./routes.ts";
import { addrParams, domainParams, eventLines, eventsHeaders, eventsQuery } from "./schemas.ts";

const SSE = "text/event-stream";

export type EventRouteContext = RouteContext & {
  readonly streams: EventStreams;
  readonly store: Pick<GatewayStore, "findToken">;
};

const described = {
  description:
    "Server-Sent Events from the durable log. Each has an id; Last-Event-ID, or `after`, resumes behind it, and without " +
    "either all that the log still has comes first. A `reset` event says that events were missed. The data of each type " +
    "of event is described under components.schemas as EventMessage, EventNotify and so on.",
  tags: ["events"],
  querystring: eventsQuery,
  headers: eventsHeaders,
  response: {
    200: { description: "The events, without an end.", content: { [SSE]: { schema: eventLines } } },
    ...problems(400, 403, 404, 503),
  },
};

/** The stream of one presentity; `app` has the hook that finds it. */
export function presentityEventRoute(app: App, context: EventRouteContext): void {
  app.route({
    method: "GET",
    url: "/presentities/:addr/events",
    exposeHeadRoute: false,
    schema: {
      ...described,
      operationId: "presentityEvents",
      summary: "What reaches the presentity",
      params: addrParams,
    },
    handler: async (request, reply) => {
      const address = context.access.presentity(request);
      if ((await context.foreignSide.getPresentity(address)) === undefined) {
        return sendProblem(reply, noSuchPresentity(address.toString()));
      }
      const after = request.headers["last-event-id"] ?? request.query.after;
      return openStream(context, request, reply, { presentity: address.bareString }, after);
    },
  });
}

/** The stream of a whole domain, for domain tokens. */
export function domainEventRoute(app: App, context: EventRouteContext, domains: ReadonlySet<string>): void {
  app.route({
    method: "GET",
    url: "/domains/:domain/events",
    exposeHeadRoute: false,
    schema: {
      ...described,
      operationId: "domainEvents",
      summary: "What reaches the presentities of a domain",
      params: domainParams,
    },
    handler: async (request, reply) => {
      const { scope } = context.access.caller(request);
      const domain = prepareDomainpart(request.params.domain);
      if (!domain.ok) return sendProblem(reply, problem(400, "bad-request", `path domain: ${domain.reason}`));
      if (scope.kind !== "domain" || scope.domain !== domain.value) return sendProblem(reply, outOfScope());
      if (!domains.has(domain.value)) return sendProblem(reply, noSuchDomain(domain.value));
      const after = request.headers["last-event-id"] ?? request.query.after;
      return openStream(context, request, reply, { domain: domain.value }, after);
    },
  });
}

function openStream(
  { access, streams, store }: EventRouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
  scope: EventScope,
  after: number | undefined,
): FastifyReply {
  if (streams.full) {
    reply.header("retry-after", "10");
    return sendProblem(reply, tooManyStreams());
  }
  const { sha256 } = access.caller(request);
  reply.hijack();
  // The heartbeats keep it alive, and whoever takes none of them is cut there.
  request.raw.socket.setTimeout(0);
  reply.raw.writeHead(200, {
    ...SECURITY_HEADERS,
    "content-type": `${SSE}; charset=utf-8`,
    "x-accel-buffering": "no", // nginx would collect events before it passes them on
  });
  reply.raw.flushHeaders();
  streams.open(reply.raw, {
    scope,
    after,
    stillAllowed: async () => (await store.findToken(sha256)) !== undefined,
  });
  return reply;
}

function tooManyStreams(): Problem {
  return problem(503, "resource-constraint", "too many event streams are open (limits.eventStreams)");
}
