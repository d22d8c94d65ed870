// The presence document of a presentity (docs/http-binding.md, Presence): published as soft state like RFC 3903.

import { type Problem, problem, sendProblem } from "../../../server/http/problem.ts";
import type { Jid } from "../../../server/jid.ts";
import { isFailure } from "../../host.ts";
import type { ForeignSide } from "../binding.ts";
import { consumes } from "./access.ts";
import { parseIfMatch, quoteTag } from "./entity-tag.ts";
import { failureProblem, preconditionFailed } from "./problem.ts";
import { type App, json, nothing, problems, type RouteContext } from "./routes.ts";
import { addrParams, ifMatchHeaders, pidfBody, pidfDocument, publishedSchema, publishQuery } from "./schemas.ts";

const PIDF = "application/pidf+xml";
const CHARSET = /;\s*charset\s*=\s*"?([^\s";]+)/i;

export function presenceRoutes(app: App, { foreignSide, access }: RouteContext): void {
  app.route({
    method: "PUT",
    url: "/presentities/:addr/presence",
    onRequest: consumes(PIDF),
    schema: {
      operationId: "publish",
      summary: "Publish a PIDF document, or refresh or replace the one that If-Match names",
      description: "The answer has the ETag of what now stands. Watchers are told of each tuple that changed.",
      tags: ["presence"],
      consumes: [PIDF],
      params: addrParams,
      querystring: publishQuery,
      headers: ifMatchHeaders,
      body: pidfBody,
      response: {
        200: json("It replaced another.", publishedSchema),
        201: json("There was none before.", publishedSchema),
        ...problems(400, 403, 404, 412, 413, 415, 422),
      },
    },
    handler: async (request, reply) => {
      const address = access.presentity(request);
      const ifMatch = await standingTag(foreignSide, address, request.headers["if-match"]);
      if (ifMatch.kind === "problem") return sendProblem(reply, ifMatch.problem);
      const outcome = await foreignSide.publish(address, {
        body: request.body,
        charset: CHARSET.exec(request.raw.headers["content-type"] ?? "")?.[1],
        expiresSeconds: request.query.expires ?? null,
        ifMatch: ifMatch.tag,
      });
      if (isFailure(outcome)) return sendProblem(reply, failureProblem(outcome));
      if (outcome.kind === "precondition-failed") return sendProblem(reply, preconditionFailed());
      reply.header("etag", quoteTag(outcome.etag));
      return reply.code(outcome.created ? 201 : 200).send({ etag: outcome.etag, expires: outcome.expiresSeconds });
    },
  });

  app.route({
    method: "GET",
    url: "/presentities/:addr/presence",
    schema: {
      operationId: "getPublication",
      summary: "The document as it was published",
      tags: ["presence"],
      params: addrParams,
      response: {
        200: { description: "The document.", content: { [PIDF]: { schema: pidfDocument } } },
        ...problems(400, 403, 404),
      },
    },
    handler: async (request, reply) => {
      const publication = await foreignSide.publication(access.presentity(request));
      if (isFailure(publication)) return sendProblem(reply, failureProblem(publication));
      if (publication === undefined) {
        return sendProblem(reply, problem(404, "item-not-found", "nothing is published"));
      }
      reply.header("etag", quoteTag(publication.etag)).type(`${PIDF}; charset=utf-8`);
      return reply.send(publication.document);
    },
  });

  app.route({
    method: "DELETE",
    url: "/presentities/:addr/presence",
    schema: {
      operationId: "withdraw",
      summary: "Withdraw the document: its tuples close",
      tags: ["presence"],
      params: addrParams,
      headers: ifMatchHeaders,
      response: { 204: nothing("Withdrawn."), ...problems(400, 403, 404, 412) },
    },
    handler: async (request, reply) => {
      const address = access.presentity(request);
      const ifMatch = await standingTag(foreignSide, address, request.headers["if-match"]);
      if (ifMatch.kind === "problem") return sendProblem(reply, ifMatch.problem);
      const outcome = await foreignSide.withdraw(address, ifMatch.tag);
      if (isFailure(outcome)) return sendProblem(reply, failureProblem(outcome));
      if (outcome.kind === "precondition-failed") return sendProblem(reply, preconditionFailed());
      return reply.code(204).send();
    },
  });
}

/**
 * The entity tag that must still stand when the change is made. Several, or `*`, are settled by what stands now.
 * @returns a tag of undefined if there is no If-Match
 */
async function standingTag(
  foreignSide: ForeignSide,
  address: Jid,
  header: string | undefined,
): Promise<{ kind: "tag"; tag: string | undefined } | { kind: "problem"; problem: Problem }> {
  if (header === undefined) return { kind: "tag", tag: undefined };
  const wanted = parseIfMatch(header);
  if (!wanted.ok) return { kind: "problem", problem: problem(400, "bad-request", `If-Match: ${wanted.reason}`) };
  if (wanted.value !== "anything" && wanted.value.length === 1) return { kind: "tag", tag: wanted.value[0] };
  const publication = await foreignSide.publication(address);
  if (isFailure(publication)) return { kind: "problem", problem: failureProblem(publication) };
  const tag = publication?.etag;
  const stands = tag !== undefined && (wanted.value === "anything" || wanted.value.includes(tag));
  return stands ? { kind: "tag", tag } : { kind: "problem", problem: preconditionFailed() };
}
