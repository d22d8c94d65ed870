// Who asks, and as which presentity: Fastify hooks that answer 401, 403, 404 and 415 before a body is read.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type Problem, problem, sendProblem } from "../../../server/http/problem.ts";
import type { Jid } from "../../../server/jid.ts";
import type { Result } from "../../../server/result.ts";
import type { GatewayStore } from "../../../storage/store.ts";
import type { EscapeForm } from "../../address.ts";
import { parsePresentityAddress, parseXmppAddress } from "./addresses.ts";
import { type Caller, covers, findCaller } from "./authorization.ts";

type Hook = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply | undefined>;

export interface Access {
  /** Makes the hooks' findings known to the requests of `app`; call it before `app` has routes. */
  decorate(app: FastifyInstance): void;
  /** A hook for every call but the public ones: 401 without a valid token. */
  readonly authenticate: Hook;
  /** A hook for calls on `{addr}`: 400 for what is no address, 403 out of the token's scope, 404 in a foreign domain. */
  readonly actAsPresentity: Hook;
  /** What `authenticate` found. */
  caller(request: FastifyRequest): Caller;
  /** What `actAsPresentity` found: a bare JID. */
  presentity(request: FastifyRequest): Jid;
  /** How im: and pres: URIs are written and read towards a presentity: its domain decides. */
  formFor(presentity: Jid): EscapeForm;
  /** The presentity that `local@domain` or a URI names. */
  parsePresentity(text: string): Result<Jid>;
  /** Undefined: the caller may act as this presentity. */
  refuse(caller: Caller, presentity: Jid): Problem | undefined;
}

export function createAccess(
  store: GatewayStore,
  domains: ReadonlySet<string>,
  formOf: (domainpart: string) => EscapeForm,
): Access {
  const access: Access = {
    decorate(app) {
      app.decorateRequest("caller");
      app.decorateRequest("presentity");
    },
    async authenticate(request, reply) {
      const header = request.headers.authorization;
      const caller = await findCaller(store, header);
      if (caller === undefined) return unauthorized(reply, header !== undefined);
      request.setDecorator("caller", caller);
      return undefined;
    },
    async actAsPresentity(request, reply) {
      const { addr = "" } = request.params as { addr?: string };
      const address = access.parsePresentity(addr);
      if (!address.ok) return sendProblem(reply, problem(400, "jid-malformed", `path addr: ${address.reason}`));
      const refusal = access.refuse(access.caller(request), address.value);
      if (refusal !== undefined) return sendProblem(reply, refusal);
      request.setDecorator("presentity", address.value);
      return undefined;
    },
    caller: (request) => request.getDecorator<Caller>("caller"),
    presentity: (request) => request.getDecorator<Jid>("presentity"),
    formFor: (presentity) => formOf(presentity.domainpart),
    parsePresentity: (text) => parsePresentityAddress(text, formOf),
    refuse(caller, presentity) {
      if (!covers(caller.scope, presentity)) return outOfScope();
      if (!domains.has(presentity.domainpart)) return noSuchDomain(presentity.domainpart);
      return undefined;
    },
  };
  return access;
}

export function outOfScope(): Problem {
  return problem(403, "forbidden", "the token's scope does not reach so far");
}

export function noSuchDomain(domain: string): Problem {
  return problem(404, "item-not-found", `${domain} is no domain of this gateway`);
}

/** The XMPP user that `{xmpp}` names; `form` is that of the presentity's domain. */
export function parseUser(
  text: string,
  form: EscapeForm,
): { kind: "user"; user: Jid } | { kind: "problem"; problem: Problem } {
  const user = parseXmppAddress(text, { form });
  if (user.ok) return { kind: "user", user: user.value };
  return { kind: "problem", problem: problem(400, "jid-malformed", `path xmpp: ${user.reason}`) };
}

/** A hook for calls whose body must be of one type, 415 for any other; a body that is left out has none. */
export function consumes(type: string): Hook {
  return async (request, reply) => {
    const { "content-type": given, "content-length": length, "transfer-encoding": chunked } = request.headers;
    const none = given === undefined && chunked === undefined && (length ?? "0") === "0";
    if (none || given?.split(";", 1)[0]?.trim().toLowerCase() === type) return undefined;
    return sendProblem(reply, problem(415, "not-acceptable", `Content-Type: this call takes ${type}`));
  };
}

// RFC 6750 section 3: a request without any credentials is told no error code.
function unauthorized(reply: FastifyReply, tried: boolean): FastifyReply {
  reply.header("www-authenticate", `Bearer realm="cpim"${tried ? ', error="invalid_token"' : ""}`);
  const detail = tried ? "the token is not valid" : "Authorization: a Bearer token is needed";
  return sendProblem(reply, problem(401, "not-authorized", detail));
}
