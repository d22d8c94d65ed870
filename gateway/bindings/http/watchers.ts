// Watchers, the XMPP users who watch a presentity (docs/http-binding.md, Watchers).

import * as z from "zod";
import { sendProblem } from "../../../server/http/problem.ts";
import { isFailure } from "../../host.ts";
import { consumes, parseUser } from "./access.ts";
import { uriOf } from "./addresses.ts";
import { failureProblem } from "./problem.ts";
import { type App, isoTime, json, nothing, problems, type RouteContext } from "./routes.ts";
import { addrParams, addrXmppParams, watcherDecision, watcherSchema } from "./schemas.ts";

export function watcherRoutes(app: App, { foreignSide, access }: RouteContext): void {
  app.route({
    method: "GET",
    url: "/presentities/:addr/watchers",
    schema: {
      operationId: "listWatchers",
      summary: "Who watches the presentity, or asks to",
      tags: ["watchers"],
      params: addrParams,
      response: { 200: json("The watchers.", z.array(watcherSchema)), ...problems(400, 403, 404) },
    },
    handler: async (request, reply) => {
      const address = access.presentity(request);
      const watchers = await foreignSide.watchers(address);
      if (isFailure(watchers)) return sendProblem(reply, failureProblem(watchers));
      return reply.send(
        watchers.map(({ watcher, state, since, transId }) => ({
          watcher: uriOf(watcher, "pres", access.formFor(address)),
          state,
          since: isoTime(since),
          transId,
        })),
      );
    },
  });

  app.route({
    method: "PUT",
    url: "/presentities/:addr/watchers/:xmpp",
    onRequest: consumes("application/json"),
    schema: {
      operationId: "decideWatcher",
      summary: "Approve or deny a watcher",
      tags: ["watchers"],
      params: addrXmppParams,
      body: watcherDecision,
      response: { 204: nothing("Done."), ...problems(400, 403, 404, 409, 413, 415) },
    },
    handler: async (request, reply) => {
      const watcher = parseUser(request.params.xmpp, access.formFor(access.presentity(request)));
      if (watcher.kind === "problem") return sendProblem(reply, watcher.problem);
      const outcome = await foreignSide.decide(access.presentity(request), watcher.user, request.body.state);
      if (isFailure(outcome)) return sendProblem(reply, failureProblem(outcome));
      return reply.code(204).send();
    },
  });

  app.route({
    method: "DELETE",
    url: "/presentities/:addr/watchers/:xmpp",
    schema: {
      operationId: "cancelWatcher",
      summary: "End the watching of an approved watcher",
      tags: ["watchers"],
      params: addrXmppParams,
      response: { 204: nothing("Done."), ...problems(400, 403, 404, 409) },
    },
    handler: async (request, reply) => {
      const watcher = parseUser(request.params.xmpp, access.formFor(access.presentity(request)));
      if (watcher.kind === "problem") return sendProblem(reply, watcher.problem);
      const outcome = await foreignSide.cancelWatcher(access.presentity(request), watcher.user);
      if (isFailure(outcome)) return sendProblem(reply, failureProblem(outcome));
      return reply.code(204).send();
    },
  });
}
