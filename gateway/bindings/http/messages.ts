// Messages: the CPIM message operation (RFC 3860 section 3.4.1; docs/http-binding.md, Messages).

import { randomUUID } from "node:crypto";
import { sendProblem } from "../../../server/http/problem.ts";
import { isFailure } from "../../host.ts";
import { consumes } from "./access.ts";
import { failureProblem } from "./problem.ts";
import { type App, json, problems, type RouteContext, TRANS_ID } from "./routes.ts";
import { cpimBody, messageAnswer, messageHeaders } from "./schemas.ts";

const CPIM = "message/cpim";
const OUTER_TYPE = /^content-type:[ \t]*message\/cpim/im;
const END_OF_BLOCK = /\r?\n\r?\n/;

export function messageRoutes(app: App, { foreignSide, access }: RouteContext): void {
  app.route({
    method: "POST",
    url: "/messages",
    onRequest: consumes(CPIM),
    schema: {
      operationId: "sendMessage",
      summary: "Send a Message/CPIM object to the XMPP users in its To headers",
      description:
        "From must be within the token's scope. An XMPP error that comes back later becomes a `response` event with the " +
        "TransID of the answer.",
      tags: ["messages"],
      consumes: [CPIM],
      headers: messageHeaders,
      body: cpimBody,
      response: {
        200: json("Delivered to a resource, or stored for one.", messageAnswer),
        202: json("On its way; only where a setting asks for this answer.", messageAnswer),
        ...problems(400, 403, 404, 413, 415, 422, 503, 504),
      },
    },
    handler: async (request, reply) => {
      const caller = access.caller(request);
      const { "cpim-transid": transId, "cpim-max-forwards": maxForwards } = request.headers;
      if (transId !== undefined) reply.header(TRANS_ID, transId);
      const outcome = await foreignSide.message({
        object: request.body,
        outerHeaders: hasOuterBlock(request.body),
        transId,
        maxForwards,
        maySendAs: (source) => access.refuse(caller, source) === undefined,
      });
      if (isFailure(outcome)) {
        // Every message has a response with a TransID, a failed one without its own too (RFC 3860 section 3.1).
        reply.header(TRANS_ID, transId ?? randomUUID());
        return sendProblem(reply, failureProblem(outcome));
      }
      const { status } = outcome;
      reply.header(TRANS_ID, outcome.transId);
      return reply.code(status === "success" ? 200 : 202).send({ status, transId: outcome.transId });
    },
  });
}

/** Whether the body begins with a MIME block that says message/cpim, which may also be left to HTTP's Content-Type. */
function hasOuterBlock(body: Buffer): boolean {
  const [first = ""] = body.subarray(0, 4096).toString("latin1").split(END_OF_BLOCK, 1);
  return OUTER_TYPE.test(first);
}
