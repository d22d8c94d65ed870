// Presentities, the foreign side's accounts (docs/http-binding.md, Presentities).

import * as z from "zod";
import { problem, sendProblem } from "../../../server/http/problem.ts";
import { Jid, prepareDomainpart } from "../../../server/jid.ts";
import { ok, type Result, refuse } from "../../../server/result.ts";
import { plainAddress } from "../../../server/transport/listener.ts";
import type { Presentity } from "../../../storage/store.ts";
import type { EscapeForm } from "../../address.ts";
import { isFailure } from "../../host.ts";
import type { PresentityChange } from "../binding.ts";
import { consumes, noSuchDomain, outOfScope } from "./access.ts";
import { parseXmppAddress, presentityAddress } from "./addresses.ts";
import { formatScope } from "./authorization.ts";
import { failureProblem, noSuchPresentity } from "./problem.ts";
import { type App, isoTime, json, nothing, problems, type RouteContext } from "./routes.ts";
import { addrParams, listQuery, presentityChange, presentitySchema } from "./schemas.ts";

type PresentityJson = z.output<typeof presentitySchema>;

function toJson(presentity: Presentity, formFor: (address: Jid) => EscapeForm): PresentityJson {
  const address = Jid.fromTrusted(presentity.address);
  return {
    address: presentityAddress(address, formFor(address)),
    formalName: presentity.formalName,
    subscriptions: presentity.policy,
    allowFrom: [...presentity.allowFrom],
    createdAt: isoTime(presentity.createdAt),
  };
}

// Errors: an im: or pres: URI in allowFrom that has no XMPP form in this domain.
function toChange(body: z.output<typeof presentityChange>, form: EscapeForm): Result<PresentityChange> {
  const { formalName, subscriptions, allowFrom } = body;
  const allowed: string[] = [];
  for (const text of allowFrom ?? []) {
    const parsed = parseXmppAddress(text, { domain: "allowed", form });
    if (!parsed.ok) return refuse(`allowFrom: ${parsed.reason}`);
    allowed.push(parsed.value.bareString);
  }
  return ok({
    ...(formalName === undefined ? {} : { formalName }),
    ...(subscriptions === undefined ? {} : { policy: subscriptions }),
    ...(allowFrom === undefined ? {} : { allowFrom: allowed }),
  });
}

/** The calls on one presentity; `app` has the hook that finds it. */
export function presentityRoutes(app: App, { foreignSide, access, audit }: RouteContext): void {
  app.route({
    method: "PUT",
    url: "/presentities/:addr",
    onRequest: consumes("application/json"),
    schema: {
      operationId: "putPresentity",
      summary: "Register a presentity, or change one: what the body leaves out stays",
      tags: ["presentities"],
      params: addrParams,
      body: presentityChange,
      response: {
        200: json("Changed.", presentitySchema),
        201: json("Registered.", presentitySchema),
        ...problems(400, 403, 404, 409, 413, 415, 507),
      },
    },
    handler: async (request, reply) => {
      const address = access.presentity(request);
      const change = toChange(request.body, access.formFor(address));
      if (!change.ok) return sendProblem(reply, problem(400, "bad-request", change.reason));
      const outcome = await foreignSide.putPresentity(address, change.value);
      if (isFailure(outcome)) return sendProblem(reply, failureProblem(outcome));
      const presentity = await foreignSide.getPresentity(address);
      if (presentity === undefined) return sendProblem(reply, noSuchPresentity(address.toString())); // deleted since
      return reply.code(outcome === "created" ? 201 : 200).send(toJson(presentity, access.formFor));
    },
  });

  app.route({
    method: "GET",
    url: "/presentities/:addr",
    schema: {
      operationId: "getPresentity",
      summary: "Read a presentity",
      tags: ["presentities"],
      params: addrParams,
      response: { 200: json("The presentity.", presentitySchema), ...problems(400, 403, 404) },
    },
    handler: async (request, reply) => {
      const address = access.presentity(request);
      const presentity = await foreignSide.getPresentity(address);
      if (presentity === undefined) return sendProblem(reply, noSuchPresentity(address.toString()));
      return reply.send(toJson(presentity, access.formFor));
    },
  });

  app.route({
    method: "DELETE",
    url: "/presentities/:addr",
    schema: {
      operationId: "deletePresentity",
      summary: "Remove a presentity: its watchers are unsubscribed, its own subscriptions end",
      tags: ["presentities"],
      params: addrParams,
      response: { 204: nothing("Removed."), ...problems(400, 403, 404) },
    },
    handler: async (request, reply) => {
      const address = access.presentity(request);
      if (!(await foreignSide.deletePresentity(address))) {
        return sendProblem(reply, noSuchPresentity(address.toString()));
      }
      const detail = `by a token for ${formatScope(access.caller(request).scope)}`;
      audit?.note({
        event: "presentity-deleted",
        account: address.bareString,
        address: plainAddress(request.ip),
        detail,
      });
      return reply.code(204).send();
    },
  });
}

/** The list of a domain's presentities, for domain tokens. */
export function presentityListRoute(
  app: App,
  { foreignSide, access }: RouteContext,
  domains: ReadonlySet<string>,
): void {
  app.route({
    method: "GET",
    url: "/presentities",
    schema: {
      operationId: "listPresentities",
      summary: "List the presentities of a domain in order of their JIDs, by default the token's own domain",
      tags: ["presentities"],
      querystring: listQuery,
      response: {
        200: json("One page; a shorter one than `limit` is the last.", z.array(presentitySchema)),
        ...problems(400, 403, 404),
      },
    },
    handler: async (request, reply) => {
      const { scope } = access.caller(request);
      const { domain: asked, limit, after } = request.query;
      if (scope.kind !== "domain") return sendProblem(reply, outOfScope());
      const domain = asked === undefined ? scope.domain : prepareDomainpart(asked);
      if (typeof domain === "object" && !domain.ok) {
        return sendProblem(reply, problem(400, "bad-request", `query domain: ${domain.reason}`));
      }
      const name = typeof domain === "string" ? domain : domain.value;
      if (name !== scope.domain) return sendProblem(reply, outOfScope());
      if (!domains.has(name)) return sendProblem(reply, noSuchDomain(name));
      const from = after === undefined ? undefined : access.parsePresentity(after);
      if (from?.ok === false) return sendProblem(reply, problem(400, "jid-malformed", `query after: ${from.reason}`));
      const page = from === undefined ? { limit } : { limit, after: from.value.bareString };
      return reply.send((await foreignSide.listPresentities(name, page)).map((row) => toJson(row, access.formFor)));
    },
  });
}
