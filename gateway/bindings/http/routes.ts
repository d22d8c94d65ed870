// What the routes of the HTTP binding share: the typed app, what they are given, and how their problems are described.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import * as z from "zod";
import type { AuditNotes } from "../../../server/audit.ts";
import type { EpochMs } from "../../../server/clock.ts";
import { PROBLEM_TYPE } from "../../../server/http/problem.ts";
import type { ForeignSide } from "../binding.ts";
import type { Access } from "./access.ts";
import { docs, problemSchema } from "./schemas.ts";

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** The response header that identifies the operation. */
export const TRANS_ID = "CPIM-TransID";

export type RouteContext = {
  readonly foreignSide: ForeignSide;
  readonly access: Access;
  readonly audit?: AuditNotes | undefined;
};

const MEANINGS = {
  400: "Something in the request cannot be read; the detail names it.",
  401: "No valid token.",
  403: "Out of the token's scope, or not permitted.",
  404: "No such thing.",
  409: "One exists already, or is in progress.",
  412: "If-Match: another document stands, or none.",
  413: "The body is too large.",
  415: "Another Content-Type is needed.",
  422: "The object can be read but not used; nothing was changed.",
  503: "Not now.",
  504: "The other side did not answer in time.",
  507: "A limit on what is kept is reached.",
} as const;

type ProblemStatus = keyof typeof MEANINGS;
type ProblemResponse = {
  readonly description: string;
  readonly content: { readonly [PROBLEM_TYPE]: { readonly schema: typeof problemSchema } };
};

/** The problem responses of a call, for its schema; 401, which every call has, included. */
export function problems(...statuses: ProblemStatus[]): Record<ProblemStatus, ProblemResponse> {
  const described = [401 as const, ...statuses].map((status) => [
    status,
    { description: MEANINGS[status], content: { [PROBLEM_TYPE]: { schema: problemSchema } } },
  ]);
  // The type claims all statuses, so that handlers may answer with any problem; the description has those that occur.
  return Object.fromEntries(described) as Record<ProblemStatus, ProblemResponse>;
}

/** A response in JSON. */
export function json<T extends z.ZodType>(description: string, schema: T) {
  return { description, content: { "application/json": { schema } } } as const;
}

/** A response without a body. */
export function nothing(description: string): z.ZodUndefined {
  return z.undefined().register(docs, { description });
}

export function isoTime(at: EpochMs): string {
  return new Date(at).toISOString();
}
