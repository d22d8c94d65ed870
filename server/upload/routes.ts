// Uploads over HTTP (XEP-0363 1.2.0 section 7): PUT into a slot, GET of what is there.

import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Upload } from "../../storage/store.ts";
import type { Origins } from "../http/origins.ts";
import { httpProblem, type Problem, problem, sendProblem } from "../http/problem.ts";
import { fileHeaders, mediaType } from "./media-types.ts";
import { type ByteRange, rangeOf } from "./range.ts";
import { IncompleteUpload } from "./upload-files.ts";
import { TransferTooSlow, UPLOAD_PATH, type Uploads } from "./uploads.ts";

const DAY_SECONDS = 86_400;
const PREFLIGHT_SECONDS = 7_200;
/** The media has no room. */
const FULL = new Set(["ENOSPC", "EDQUOT"]);

type Address = { Params: { id: string; name: string }; Querystring: { until?: string; signature?: string } };

/** Adds the routes. The bodies of PUT are streams, whatever their type. */
export async function addUploadRoutes(app: FastifyInstance, uploads: Uploads, origins: Origins): Promise<void> {
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
    scope.addHook("onRequest", async ({ headers }, reply) => {
      reply.headers(origins.headers(headers.origin));
    });
    const url = `${UPLOAD_PATH}/:id/:name`;
    scope.options(url, async (_request, reply) => preflight(reply));
    scope.route<Address>({
      method: "PUT",
      url,
      // What is wrong is found before any of the file is read.
      onRequest: async (request, reply) => {
        const refused = await refusal(request, uploads);
        if (refused !== undefined) return sendProblem(reply.header("connection", "close"), refused);
      },
      config: { slowBody: true },
      handler: (request, reply) => put(request, reply, uploads),
    });
    scope.route<Address>({
      method: ["GET", "HEAD"],
      url,
      handler: (request, reply) => get(request, reply, uploads),
    });
  });
}

// The CORS protocol (fetch.spec.whatwg.org, section 3.2): a page asks before its PUT.
function preflight(reply: FastifyReply): FastifyReply {
  return reply
    .code(204)
    .headers({
      "access-control-allow-methods": "OPTIONS, HEAD, GET, PUT",
      "access-control-allow-headers": "Authorization, Content-Type, Range",
      "access-control-max-age": String(PREFLIGHT_SECONDS),
    })
    .send();
}

// ---- PUT

const NOT_GOOD = problem(403, "forbidden", "this address is not good for an upload, or not any more: ask for a slot");

async function refusal(
  { params, query, headers }: FastifyRequest<Address>,
  uploads: Uploads,
): Promise<Problem | undefined> {
  const { until = "", signature = "" } = query;
  if (!uploads.signed(params.id, String(until), String(signature))) return NOT_GOOD;
  const slot = await uploads.awaited(params.id);
  if (slot === undefined || slot.name !== params.name) return NOT_GOOD;
  if (headers["content-length"] === undefined) return problem(411, "bad-request", "Content-Length is needed");
  const length = Number(headers["content-length"]);
  if (length !== slot.size) {
    // Section 7: a MUST
    return problem(
      length > slot.size ? 413 : 400,
      "not-acceptable",
      `the slot is for ${slot.size} bytes, not ${length}`,
    );
  }
  const type = mediaType(headers["content-type"]);
  if (slot.type !== "" && type !== "" && type !== slot.type) {
    return problem(415, "not-acceptable", `the slot is for ${slot.type}, not ${type}`);
  }
  return undefined;
}

async function put(request: FastifyRequest<Address>, reply: FastifyReply, uploads: Uploads): Promise<FastifyReply> {
  const slot = await uploads.awaited(request.params.id);
  if (slot === undefined) return sendProblem(reply.header("connection", "close"), NOT_GOOD);
  const type = slot.type === "" ? mediaType(request.headers["content-type"]) : slot.type;
  try {
    const outcome = await uploads.take(slot, type, request.body as Readable);
    if (outcome === "gone") return sendProblem(reply.header("connection", "close"), NOT_GOOD);
    return reply.code(201).send();
  } catch (error) {
    return sendProblem(reply.header("connection", "close"), failure(error));
  }
}

function failure(error: unknown): Problem {
  if (error instanceof IncompleteUpload) return httpProblem(400, error.message);
  if (error instanceof TransferTooSlow) return httpProblem(408, "it took too long (upload.transferSeconds)");
  if (FULL.has(String((error as NodeJS.ErrnoException).code))) {
    return problem(507, "resource-constraint", "there is no room on the server's disk");
  }
  throw error;
}

// ---- GET

async function get(request: FastifyRequest<Address>, reply: FastifyReply, uploads: Uploads): Promise<FastifyReply> {
  const file = await uploads.found(request.params.id);
  if (file === undefined || file.name !== request.params.name) {
    return sendProblem(reply, httpProblem(404, "there is no such file, or not any more"));
  }
  const tag = `"${file.id}"`; // what is under an address never changes
  reply.headers({ ...fileHeaders(file.type, file.name), ...SHARED, ...caching(uploads.secondsLeft(file)), etag: tag });
  const { "if-none-match": known, "if-range": condition, range } = request.headers;
  if (matches(known, tag)) return reply.code(304).send();
  const wanted = condition === undefined || condition === tag ? rangeOf(range, file.size) : "whole";
  if (wanted === "none") {
    const refused = problem(416, "bad-request", `the file has ${file.size} bytes`);
    return sendProblem(reply.header("content-range", `bytes */${file.size}`), refused);
  }
  return send(request, reply, uploads, file, wanted);
}

async function send(
  { method }: FastifyRequest<Address>,
  reply: FastifyReply,
  uploads: Uploads,
  file: Upload,
  wanted: ByteRange | "whole",
): Promise<FastifyReply> {
  const range = wanted === "whole" ? { start: 0, end: file.size - 1 } : wanted;
  const stream = method === "HEAD" ? null : await uploads.read(file, range);
  if (stream === undefined) return sendProblem(reply, httpProblem(404, "there is no such file any more"));
  if (wanted !== "whole") {
    reply.code(206).header("content-range", `bytes ${range.start}-${range.end}/${file.size}`);
  }
  reply.header("content-length", range.end - range.start + 1);
  return stream === null ? reply.send() : reply.send(stream);
}

/** Pages of other origins may show what they know the address of, and read what they need to take it up again. */
const SHARED = {
  "accept-ranges": "bytes",
  "cross-origin-resource-policy": "cross-origin",
  "access-control-expose-headers": "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag",
};

// Not longer than it is there.
function caching(secondsLeft: number): Readonly<Record<string, string>> {
  return { "cache-control": `private, max-age=${Math.min(DAY_SECONDS, secondsLeft)}, immutable` };
}

function matches(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  return header.split(",").some((each) => each.trim() === "*" || each.trim().replace(/^W\//, "") === tag);
}
