// Passwords as text: SASLprep (RFC 4013), strict when one is set, lenient about unassigned code points when one is tried.

import { createRequire } from "node:module";
import { ok, type Result, refuse } from "../result.ts";

const PLAIN_ASCII = /^[\x20-\x7e]+$/; // RFC 4013 leaves it as it is
const MAX_OCTETS = 4096;

type Saslprep = typeof import("@mongodb-js/saslprep").default;

// Loaded with the first password that is not ASCII: it unpacks its tables when it is.
function saslprep(): Saslprep {
  return createRequire(import.meta.url)("@mongodb-js/saslprep") as Saslprep;
}

/**
 * Prepares a password.
 * @param use "set": a stored string, whose code points must all be assigned in Unicode 3.2; "try": a query
 * Errors: a refusal that a person who sets a password can act on. Source: RFC 4013 section 2, RFC 3454 section 7.
 */
export function preparePassword(password: string, use: "set" | "try"): Result<string> {
  if (Buffer.byteLength(password) > MAX_OCTETS) return refuse(`the password is over ${MAX_OCTETS} octets`);
  if (PLAIN_ASCII.test(password)) return ok(password);
  if (password === "") return refuse("the password is empty");
  try {
    const prepared = saslprep()(password, { allowUnassigned: use === "try" });
    return prepared === "" ? refuse("nothing is left of the password after SASLprep (RFC 4013)") : ok(prepared);
  } catch {
    // The library's message only names a section; and it throws a TypeError where nothing is left at all.
    return refuse(
      "the password has a character that SASLprep (RFC 4013) forbids, such as a control character, an emoji, or a mix of" +
        " right-to-left and left-to-right letters; choose another password",
    );
  }
}
