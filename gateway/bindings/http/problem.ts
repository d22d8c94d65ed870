// Failures of the gateway as problem details (docs/http-binding.md): the stanza error condition decides the status.

import type { StanzaCondition } from "../../../server/errors.ts";
import { type Problem, problem } from "../../../server/http/problem.ts";
import type { Failure } from "../binding.ts";

/**
 * What HTTP itself cannot read is 400 before the gateway is asked; what the gateway cannot make sense of (a PIDF document,
 * a Message/CPIM object, Require) is 422.
 */
const STATUS: Readonly<Record<StanzaCondition, number>> = {
  "bad-request": 422,
  conflict: 409,
  "feature-not-implemented": 501,
  forbidden: 403,
  gone: 410,
  "internal-server-error": 500,
  "item-not-found": 404,
  "jid-malformed": 422,
  "not-acceptable": 422,
  "not-allowed": 403,
  "not-authorized": 403, // 401 would ask for another token; here it is the XMPP side that refuses
  "policy-violation": 403,
  "recipient-unavailable": 503,
  redirect: 502,
  "registration-required": 403,
  "remote-server-not-found": 502,
  "remote-server-timeout": 504,
  "resource-constraint": 507,
  "service-unavailable": 503,
  "subscription-required": 403,
  "undefined-condition": 500,
  "unexpected-request": 409,
};

export function failureProblem({ condition, text }: Failure): Problem {
  return problem(STATUS[condition], condition, text ?? `the gateway answers ${condition}`);
}

/** The If-Match header does not name the entity tag that stands. */
export function preconditionFailed(): Problem {
  return problem(412, "conflict", "If-Match: another document stands, or none");
}

export function noSuchPresentity(address: string): Problem {
  return problem(404, "item-not-found", `${address} is no presentity here`);
}
