// Problem details (RFC 9457): the one form of every refusal on the HTTP listener.

import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { StoreWriteError } from "../../storage/store.ts";
import type { StanzaCondition } from "../errors.ts";
import type { Logger } from "../log.ts";

export const PROBLEM_TYPE = "application/problem+json";

/**
 * Of every response: nothing here is to be guessed at, framed, run, passed on or kept. No Strict-Transport-Security: it would
 * bind every port of the host, other programs' too; and no CORS headers: no page of another origin may read an answer.
 */
export const SECURITY_HEADERS = {
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
} as const;

/** The problem type is always "about:blank", hence left out (RFC 9457 section 4.2.1). */
export type Problem = {
  readonly status: number;
  readonly title: string;
  /** For a person: what is wrong with this request. */
  readonly detail: string;
  /** The XMPP stanza error condition (RFC 6120 section 8.3.3) that says the same. */
  readonly condition: StanzaCondition;
};

export function problem(status: number, condition: StanzaCondition, detail: string): Problem {
  return { status, title: STATUS_CODES[status] ?? "Error", detail, condition };
}

/** Answers with a problem. Returns the reply, for a hook or a handler to return. */
export function sendProblem(reply: FastifyReply, details: Problem): FastifyReply {
  return reply.code(details.status).headers(SECURITY_HEADERS).type(PROBLEM_TYPE).send(details);
}

/** The same on a connection that no request object stands for. Closes it. */
export function writeProblem(socket: Socket, details: Problem): void {
  const body = JSON.stringify(details);
  const head = [
    `HTTP/1.1 ${details.status} ${details.title}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
    ...Object.entries(SECURITY_HEADERS).map(([name, value]) => `${name}: ${value}`),
  ];
  if (socket.writable) socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
  socket.destroySoon();
}

const CONDITION_OF_STATUS: Readonly<Record<number, StanzaCondition>> = {
  400: "bad-request",
  404: "item-not-found",
  408: "remote-server-timeout",
  413: "policy-violation",
  414: "policy-violation",
  415: "not-acceptable",
  431: "policy-violation",
  503: "service-unavailable",
};

/** The problem for a status that HTTP itself gives rise to. */
export function httpProblem(status: number, detail: string): Problem {
  return problem(status, CONDITION_OF_STATUS[status] ?? "undefined-condition", detail);
}

const MAX_ISSUES = 5;

/** The problem for an error that a hook, a schema or a handler threw. Undefined: nobody foresaw it. */
function problemOf(error: FastifyError, bodyBytes: number): Problem | undefined {
  if (error.validation !== undefined) {
    const where = error.validationContext === "querystring" ? "query" : (error.validationContext ?? "request");
    const issues = error.validation.slice(0, MAX_ISSUES).map(({ instancePath, message }) => {
      const field = instancePath.slice(1).replaceAll("/", ".");
      return `${where}${field === "" ? "" : ` ${field}`}: ${message ?? "invalid"}`;
    });
    return httpProblem(400, issues.join("; "));
  }
  const status = error.statusCode ?? 500;
  if (status < 400 || status >= 500) return undefined;
  switch (status) {
    case 413:
      return httpProblem(413, `the body is larger than ${bodyBytes} bytes (limits.httpBodyBytes)`);
    case 415:
      return httpProblem(415, "this call does not take a body of this Content-Type");
    default:
      // Fastify's own messages are written for the client; those of others may say too much.
      return httpProblem(status, error.code?.startsWith("FST_") ? error.message : "the request could not be read");
  }
}

/** Fastify's error handler: what was foreseen is told, anything else is logged with its stack and told to nobody. */
export function problemHandler(
  log: Logger,
  bodyBytes: number,
): (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => FastifyReply {
  return (error, request, reply) => {
    const foreseen = problemOf(error, bodyBytes);
    if (foreseen !== undefined) return sendProblem(reply, foreseen);
    if (error instanceof StoreWriteError) {
      log.error({ reason: error.message }, "store-refused");
      return sendProblem(reply, problem(507, "resource-constraint", "the server cannot store anything at the moment"));
    }
    log.error({ err: error, method: request.method, route: request.routeOptions.url }, "http-handler-failed");
    return sendProblem(reply, problem(500, "internal-server-error", "the server failed; its log says why"));
  };
}

/** Fastify's handler for paths that nothing is at. */
export function notFoundHandler(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return sendProblem(reply, httpProblem(404, `there is no ${request.method} on this path`));
}
