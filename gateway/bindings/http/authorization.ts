// Bearer tokens of the HTTP binding (RFC 6750; docs/http-binding.md, Authorization): what they look like, how they are
// kept, and what they allow.

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { Jid, prepareDomainpart } from "../../../server/jid.ts";
import { ok, type Result, refuse } from "../../../server/result.ts";
import type { GatewayStore } from "../../../storage/store.ts";

const TOKEN_PREFIX = "balcony_"; // so that people, and scanners for leaked secrets, know one when they see it
const TOKEN_OCTETS = 32;
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i; // RFC 6750 section 2.1

/** A new token. It is told once; what is kept is its `hashToken`. */
export function mintToken(): string {
  return TOKEN_PREFIX + randomBytes(TOKEN_OCTETS).toString("base64url");
}

/** Lower-case hex of the SHA-256. A token holds 256 random bits, so that no slower hash is needed. */
export function hashToken(token: string): string {
  return createHash("sha256").update(token, "utf8").digest("hex");
}

/** Whom a token may act as: every presentity of a gateway domain, or a single one. */
export type Scope =
  | { readonly kind: "domain"; readonly domain: string }
  | { readonly kind: "presentity"; readonly address: Jid };

/** Reads `domain:example.net` or `presentity:romeo@example.net` (a bare JID). */
export function parseScope(text: string): Result<Scope> {
  const colon = text.indexOf(":");
  const name = text.slice(colon + 1);
  switch (text.slice(0, Math.max(colon, 0))) {
    case "domain": {
      const domain = prepareDomainpart(name);
      return domain.ok ? ok({ kind: "domain", domain: domain.value }) : domain;
    }
    case "presentity": {
      const address = Jid.parse(name);
      if (!address.ok) return address;
      if (address.value.localpart === undefined || !address.value.isBare) return refuse(`${name} is no bare JID`);
      return ok({ kind: "presentity", address: address.value });
    }
    default:
      return refuse("a scope is domain:DOMAIN or presentity:ADDRESS");
  }
}

/** The scope as it is stored, its address prepared. */
export function formatScope(scope: Scope): string {
  return scope.kind === "domain" ? `domain:${scope.domain}` : `presentity:${scope.address.bareString}`;
}

/** Whether a token of this scope may act as the presentity. */
export function covers(scope: Scope, presentity: Jid): boolean {
  return scope.kind === "domain"
    ? scope.domain === presentity.domainpart
    : scope.address.bareString === presentity.bareString;
}

/** Who makes a request. */
export type Caller = { readonly scope: Scope; readonly sha256: string };

/**
 * The caller that an Authorization header shows.
 * @returns undefined for no header, another scheme, and a token that is unknown or revoked: nobody learns which
 */
export async function findCaller(store: GatewayStore, header: string | undefined): Promise<Caller | undefined> {
  const token = BEARER.exec(header ?? "")?.[1];
  if (token === undefined) return undefined;
  const sha256 = hashToken(token);
  const found = await store.findToken(sha256);
  if (found === undefined || !sameHash(found.sha256, sha256)) return undefined;
  const scope = parseScope(found.scope);
  return scope.ok ? { scope: scope.value, sha256 } : undefined;
}

function sameHash(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a, "hex"), Buffer.from(b, "hex")];
  return left.length === right.length && timingSafeEqual(left, right);
}
