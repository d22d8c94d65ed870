// Entity tags of publications in HTTP's form (RFC 9110 section 8.8.3 and 13.1.1).

import { ok, type Result, refuse } from "../../../server/result.ts";

const LIST = /^(?:[ \t]*(?:W\/)?"[!#-~\u0080-\u00ff]*"[ \t]*(?:,|$))+$/;
const TAG = /(W\/)?"([^"]*)"/g;

export function quoteTag(etag: string): string {
  return `"${etag}"`;
}

/** What an If-Match header asks for: that anything stands, or one of these. */
export type IfMatch = "anything" | readonly string[];

/** Weak tags are left out: they never match (RFC 9110 section 13.1.1). */
export function parseIfMatch(header: string): Result<IfMatch> {
  if (header.trim() === "*") return ok("anything");
  if (!LIST.test(header)) return refuse('not of the form "TAG", or *');
  const strong = [...header.matchAll(TAG)].filter(([, weak]) => weak === undefined);
  return ok(strong.map(([, , tag = ""]) => tag));
}
