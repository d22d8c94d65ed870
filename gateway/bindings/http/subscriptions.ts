// Subscriptions, the XMPP users whom a presentity watches: the CPP subscribe operation (RFC 3859 section 3.4.1;
// docs/http-binding.md, Subscriptions).

import * as z from "zod";
import { sendProblem } from "../../../server/http/problem.ts";
import { isFailure } from "../../host.ts";
import { consumes, parseUser } from "./access.ts";
import { uriOf } from "./addresses.ts";
import { failureProblem } from "./problem.ts";
import { type App, isoTime, json, nothing, problems, type RouteContext, TRANS_ID } from "./routes.ts";
import {
  addrParams,
  addrXmppParams,
  pidfDocument,
  subscriptionAnswer,
  subscriptionRequest,
  subscriptionSchema,
} from "./schemas.ts";

export function subscriptionRoutes(app: App, { foreignSide, access }: RouteContext): void {
  app.route({
    method: "PUT",
    url: "/presentities/:addr/subscriptions/:xmpp",
    onRequest: consumes("application/json"),
    schema: {
      operationId: "subscribe",
      summary: "Subscribe to an XMPP user, refresh a subscription or, with a duration of 0, fetch the presence once",
      description: "CPIM-TransID in the answer is the TransID that a later `response` event carries.",
      tags: ["subscriptions"],
      params: addrXmppParams,
      body: subscriptionRequest,
      response: {
        200: {
          description: "Active or, for a fetch, the user's presence.",
          content: {
            "application/json": { schema: subscriptionAnswer },
            "application/pidf+xml": { schema: pidfDocument },
          },
        },
        202: json("The user has yet to decide; a `response` event follows.", subscriptionAnswer),
        ...problems(400, 403, 404, 409, 413, 415, 503, 504),
      },
    },
    handler: async (request, reply) => {
      const target = parseUser(request.params.xmpp, access.formFor(access.presentity(request)));
      if (target.kind === "problem") return sendProblem(reply, target.problem);
      const { duration, transId } = request.body;
      if (transId !== undefined) reply.header(TRANS_ID, transId);
      const outcome = await foreignSide.subscribe(access.presentity(request), target.user, {
        durationSeconds: duration ?? null,
        transId,
      });
      if (isFailure(outcome)) return sendProblem(reply, failureProblem(outcome));
      reply.header(TRANS_ID, outcome.transId);
      switch (outcome.kind) {
        case "fetched":
          return reply.type("application/pidf+xml; charset=utf-8").send(outcome.document);
        case "active":
        case "pending": {
          const active = outcome.kind === "active";
          const status = active ? ("success" as const) : ("pending" as const);
          return reply
            .code(active ? 200 : 202)
            .type("application/json; charset=utf-8")
            .send({ status, transId: outcome.transId, duration: outcome.durationSeconds });
        }
      }
    },
  });

  app.route({
    method: "DELETE",
    url: "/presentities/:addr/subscriptions/:xmpp",
    schema: {
      operationId: "unsubscribe",
      summary: "End a subscription: its notifies stop at once",
      tags: ["subscriptions"],
      params: addrXmppParams,
      response: { 204: nothing("Ended."), ...problems(400, 403, 404) },
    },
    handler: async (request, reply) => {
      const target = parseUser(request.params.xmpp, access.formFor(access.presentity(request)));
      if (target.kind === "problem") return sendProblem(reply, target.problem);
      const outcome = await foreignSide.unsubscribe(access.presentity(request), target.user);
      if (isFailure(outcome)) return sendProblem(reply, failureProblem(outcome));
      return reply.code(204).send();
    },
  });

  app.route({
    method: "GET",
    url: "/presentities/:addr/subscriptions",
    schema: {
      operationId: "listSubscriptions",
      summary: "Whom the presentity watches, or asks to",
      tags: ["subscriptions"],
      params: addrParams,
      response: { 200: json("The subscriptions.", z.array(subscriptionSchema)), ...problems(400, 403, 404) },
    },
    handler: async (request, reply) => {
      const address = access.presentity(request);
      const subscriptions = await foreignSide.subscriptions(address);
      if (isFailure(subscriptions)) return sendProblem(reply, failureProblem(subscriptions));
      return reply.send(
        subscriptions.map(({ target, state, since, until, durationSeconds, transId }) => ({
          target: uriOf(target, "pres", access.formFor(address)),
          state,
          since: isoTime(since),
          expires: until === null ? null : isoTime(until),
          duration: durationSeconds,
          transId,
        })),
      );
    },
  });
}
