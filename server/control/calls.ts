// The calls that go through the control socket: for each one of Admin, what it takes and what it answers.

import * as z from "zod";
import type { Admin, AdminError } from "../admin.ts";
import { exportedUser, importOptions, importResult, portableUser } from "./portable.ts";

type Calls = {
  readonly [Name in keyof Admin]: {
    readonly takes: z.ZodType<Parameters<Admin[Name]>>;
    readonly answers: z.ZodType<Awaited<ReturnType<Admin[Name]>>>;
  };
};

const text = z.string();
const nothing = z.null().transform(() => undefined);
const policy = z.enum(["confirm", "allow", "deny"]);
const optionalText = text.nullable().transform((value) => value ?? undefined);

export const CALLS: Calls = {
  addUser: { takes: z.tuple([text, text]), answers: nothing },
  setPassword: { takes: z.tuple([text, text]), answers: nothing },
  deleteUser: { takes: z.tuple([text]), answers: nothing },
  listUsers: {
    takes: z.tuple([z.strictObject({ after: text.exactOptional(), limit: z.int().min(1).max(100) })]),
    answers: z.array(text),
  },
  importUser: { takes: z.tuple([text, text]), answers: nothing },
  importUsers: { takes: z.tuple([z.array(portableUser), importOptions]), answers: z.array(importResult) },
  exportUser: { takes: z.tuple([text]), answers: exportedUser },
  countBcryptOnly: { takes: z.tuple([]), answers: z.number() },
  addToken: { takes: z.tuple([text]), answers: z.object({ id: text, token: text }) },
  listTokens: { takes: z.tuple([]), answers: z.array(z.object({ id: text, scope: text, createdAt: z.number() })) },
  revokeToken: { takes: z.tuple([text]), answers: nothing },
  addPresentity: {
    takes: z.tuple([
      text,
      z.strictObject({
        formalName: text.exactOptional(),
        policy: policy.exactOptional(),
        allowFrom: z.array(text).exactOptional(),
      }),
    ]),
    answers: z.enum(["created", "changed"]),
  },
  listPresentities: {
    takes: z.tuple([optionalText]),
    answers: z.array(
      z.object({ address: text, formalName: text, policy, allowFrom: z.array(text), createdAt: z.number() }),
    ),
  },
  deletePresentity: { takes: z.tuple([text]), answers: nothing },
  listAudit: {
    takes: z.tuple([z.number()]),
    answers: z.array(z.object({ at: z.number(), event: text, account: text, address: text, detail: text })),
  },
};

/** One call: the body of a POST request. */
export const request = z.strictObject({ call: text, arguments: z.array(z.unknown()) });

/** What comes back: `value` with status 200, `error` with any other. */
export const failure = z.object({
  error: z.object({
    /** "unknown-call", "bad-request" and "failed" are the socket's own, the others AdminError's. */
    code: z.enum(["exists", "not-found", "invalid", "limit", "unknown-call", "bad-request", "failed"]),
    message: text,
  }),
});

export type FailureCode = z.output<typeof failure>["error"]["code"];

/** Undefined: the code is one of the socket's own. */
export function adminErrorCode(code: FailureCode): AdminError["code"] | undefined {
  return code === "unknown-call" || code === "bad-request" || code === "failed" ? undefined : code;
}
