// SCRAM credentials of XEP-0227 1.1 section 4.3, and how older ejabberds put them into the password.

import { Element } from "ltx";
import type { ScramHash } from "../accounts/authenticator.ts";
import { SCRAM_HASHES } from "../accounts/scram-keys.ts";
import { NS } from "../namespaces.ts";
import { attr, child, textOf } from "../stanza.ts";
import type { Tally } from "./tally.ts";
import type { PortableKeys } from "./user.ts";

const MOST_ITERATIONS = 10_000_000; // as auth.scramIterations
const MOST_SALT_OCTETS = 255;
const HASHES: ReadonlyMap<string, ScramHash> = new Map([
  ["SCRAM-SHA-256", "SHA-256"],
  ["SCRAM-SHA-1", "SHA-1"],
]);
/** What is kept of a password where ejabberd wrote it before it knew section 4.3: StoredKey, ServerKey, salt, iterations. */
const OLD_FORM = /^scram:(?:(sha256),)?([\w+/=]+),([\w+/=]+),([\w+/=]+),(\d{1,8})$/;

/** The best first. @param elements `<scram-credentials/>` */
export function readKeys(elements: readonly Element[], tally: Tally): PortableKeys[] {
  const keys = new Map<ScramHash, PortableKeys>();
  for (const element of elements) {
    const mechanism = attr(element, "mechanism") ?? "";
    const hash = HASHES.get(mechanism);
    if (hash === undefined) {
      tally.add("SCRAM credentials of another hash than SHA-1 and SHA-256");
      continue;
    }
    const text = (name: string): string => {
      const found = child(element, name, NS.portableScram);
      return found === undefined ? "" : textOf(found).trim();
    };
    const [salt, storedKey, serverKey] = [text("salt"), text("stored-key"), text("server-key")];
    const read = checked({ hash, iterations: Number(text("iter-count")), salt, storedKey, serverKey });
    if (read === undefined || keys.has(hash)) tally.add("SCRAM credentials that are broken or there twice");
    else keys.set(hash, read);
  }
  return ["SHA-256" as const, "SHA-1" as const].flatMap((hash) => keys.get(hash) ?? []);
}

/** Undefined: it is a password. */
export function readOldKeys(password: string): PortableKeys | undefined {
  const [, sha256, storedKey = "", serverKey = "", salt = "", iterations] = OLD_FORM.exec(password) ?? [];
  const hash = sha256 === undefined ? "SHA-1" : "SHA-256";
  return checked({ hash, iterations: Number(iterations), salt, storedKey, serverKey });
}

/** The inverse of `readKeys`. */
export function writeKeys({ hash, iterations, salt, storedKey, serverKey }: PortableKeys): Element {
  const element = new Element("scram-credentials", { xmlns: NS.portableScram, mechanism: `SCRAM-${hash}` });
  element.c("iter-count").t(String(iterations));
  element.c("salt").t(salt);
  element.c("server-key").t(serverKey);
  element.c("stored-key").t(storedKey);
  return element;
}

// What a login would fail on, or hang on.
function checked({ hash, iterations, salt, storedKey, serverKey }: PortableKeys): PortableKeys | undefined {
  const { octets } = SCRAM_HASHES[hash];
  const saltOctets = octetsOf(salt);
  const isWhole =
    Number.isInteger(iterations) &&
    iterations >= 1 &&
    iterations <= MOST_ITERATIONS &&
    saltOctets >= 1 &&
    saltOctets <= MOST_SALT_OCTETS &&
    octetsOf(storedKey) === octets &&
    octetsOf(serverKey) === octets;
  return isWhole ? { hash, iterations, salt, storedKey, serverKey } : undefined;
}

/** 0: it is no base64. */
function octetsOf(text: string): number {
  const octets = Buffer.from(text, "base64");
  return octets.toString("base64").replace(/=+$/, "") === text.replace(/=+$/, "") ? octets.length : 0;
}
