// The hashes of XEP-0115 1.6.0 section 5 and XEP-0390 0.3.2 section 4 over an answer of service discovery, pure; and what a
// presence announces of them.

import { createHash } from "node:crypto";
import type { Element } from "ltx";
import { NS } from "../namespaces.ts";
import { attr, child, childrenOf, elements, namespaceOf, textOf } from "../stanza.ts";

/** What a client says of its capabilities. */
export type Announced = {
  readonly protocol: "caps" | "hashes";
  readonly algorithm: string;
  /** Base64. */
  readonly value: string;
  /** The node of service discovery that stands for it. */
  readonly node: string;
};

/** Names of XEP-0300 for what crypto knows. XEP-0115 has the same, and "sha-1". */
const ALGORITHMS: ReadonlyMap<string, string> = new Map([
  ["sha-1", "sha1"],
  ["sha-256", "sha256"],
  ["sha-512", "sha512"],
  ["sha3-256", "sha3-256"],
  ["sha3-512", "sha3-512"],
]);
const STRONG: readonly string[] = ["sha-256", "sha-512", "sha3-256", "sha3-512"];
const MOST_CHARACTERS = 1_023;

/** The strongest that can be verified, else any; undefined: none is announced, or in the legacy format alone. */
export function announcedIn(presence: Element): Announced | undefined {
  const hashes = child(presence, "c", NS.capsHashes);
  for (const hash of hashes === undefined ? [] : childrenOf(hashes, "hash", NS.hashes)) {
    const algorithm = attr(hash, "algo") ?? "";
    const value = textOf(hash).trim();
    if (!STRONG.includes(algorithm) || !isShort(value)) continue;
    return { protocol: "hashes", algorithm, value, node: `${NS.capsHashes}#${algorithm}.${value}` };
  }
  const caps = child(presence, "c", NS.caps);
  const { hash: algorithm, node, ver: value } = (caps?.attrs ?? {}) as Record<string, string | undefined>;
  if (algorithm === undefined || node === undefined || value === undefined) return undefined;
  if (!isShort(algorithm) || !isShort(node) || !isShort(value)) return undefined;
  return { protocol: "caps", algorithm, value, node: `${node}#${value}` };
}

function isShort(text: string): boolean {
  return text !== "" && text.length <= MOST_CHARACTERS;
}

/**
 * Whether an answer is what was announced, so that it holds for everybody who announces the same.
 * @param lang of what it stands in
 */
export function isVerified(info: Element, { protocol, algorithm, value }: Announced, lang = ""): boolean {
  if (protocol === "caps" && !isUnambiguous(info)) return false;
  const hash = protocol === "caps" ? verificationString(info, algorithm) : capabilityHash(info, algorithm, lang);
  return hash !== undefined && hash === value;
}

/** The features that an answer names. */
export function featuresOf(info: Element): string[] {
  return childrenOf(info, "feature", NS.discoInfo).flatMap((feature) => attr(feature, "var") ?? []);
}

/** XEP-0115 section 5.1; undefined: the algorithm is unknown. */
export function verificationString(info: Element, algorithm: string): string | undefined {
  const forms = formsOf(info).sort((a, b) => compareOctets(a.type, b.type));
  const identities = identitiesOf(info).map((identity) => identity.join("/"));
  const texts = [...sorted(identities), ...sorted(featuresOf(info)), ...forms.flatMap(formTexts)];
  return digest(texts.map((text) => `${text}<`).join(""), algorithm);
}

/**
 * Whether an answer is well-formed (XEP-0115 section 5.4), and no other one can have the same string, which runs together
 * what it is made of: a part with the separator in it, an identity that reads like features, or a form that does, could
 * take the place of features that another client has.
 */
function isUnambiguous(info: Element): boolean {
  const identities = identitiesOf(info);
  const forms = formsOf(info);
  const sets = [identities.map((identity) => identity.join("/")), featuresOf(info), forms.map(({ type }) => type)];
  return (
    sets.every((names) => new Set(names).size === names.length) &&
    identities.every(
      ([category = "", type = "", lang = ""]) =>
        category !== "" && type !== "" && !`${category}${type}${lang}`.includes("/"),
    ) &&
    forms.every(({ type }) => CLIENT_FORMS.has(type)) &&
    ![...sets.flat(), ...forms.flatMap(formTexts)].some((text) => text.includes("<"))
  );
}

/** Forms with which clients describe themselves (XEP-0232, XEP-0128): no feature is called so. */
const CLIENT_FORMS: ReadonlySet<string> = new Set(["urn:xmpp:dataforms:softwareinfo"]);

function identitiesOf(info: Element): string[][] {
  return childrenOf(info, "identity", NS.discoInfo).map(({ attrs }) =>
    ["category", "type", "xml:lang", "name"].map((name) => (attrs[name] as string | undefined) ?? ""),
  );
}

type Form = { readonly type: string; readonly fields: readonly { readonly name: string; readonly values: string[] }[] };

function formsOf(info: Element): Form[] {
  return childrenOf(info, "x", NS.dataForms).flatMap((form) => readForm(form) ?? []);
}

// Section 5.4: a form without a hidden FORM_TYPE is passed over.
function readForm(form: Element): Form | undefined {
  const fields = childrenOf(form, "field", NS.dataForms);
  const typeField = fields.find((field) => attr(field, "var") === "FORM_TYPE" && attr(field, "type") === "hidden");
  const [type] = typeField === undefined ? [] : valuesOf(typeField);
  if (type === undefined) return undefined;
  const others = fields.filter((field) => attr(field, "var") !== "FORM_TYPE");
  return { type, fields: others.map((field) => ({ name: attr(field, "var") ?? "", values: valuesOf(field) })) };
}

function valuesOf(field: Element): string[] {
  return childrenOf(field, "value", NS.dataForms).map(textOf);
}

function formTexts({ type, fields }: Form): string[] {
  const ordered = [...fields].sort((a, b) => compareOctets(a.name, b.name));
  return [type, ...ordered.flatMap(({ name, values }) => [name, ...sorted(values)])];
}

/**
 * XEP-0390 section 4.1; undefined: the algorithm is unknown, or the answer is none that can be hashed.
 * @param lang of what it stands in, for identities without a language of their own
 */
export function capabilityHash(info: Element, algorithm: string, lang = ""): string | undefined {
  for (const el of elements(info)) {
    const isForm = namespaceOf(el) === NS.dataForms && el.name === "x";
    if (isForm ? !isPlainForm(el) : namespaceOf(el) !== NS.discoInfo) return undefined;
    if (!isForm && el.name !== "identity" && el.name !== "feature") return undefined;
  }
  const features = featuresOf(info).map((feature) => `${feature}\x1f`);
  const inherited = { "xml:lang": attr(info, "xml:lang") ?? lang };
  const identities = childrenOf(info, "identity", NS.discoInfo).map((identity) => {
    const attrs = { ...inherited, ...identity.attrs } as Record<string, string | undefined>;
    return `${["category", "type", "xml:lang", "name"].map((name) => `${attrs[name] ?? ""}\x1f`).join("")}\x1e`;
  });
  const forms = childrenOf(info, "x", NS.dataForms).map((form) => {
    const fields = childrenOf(form, "field", NS.dataForms).map(
      (field) =>
        `${attr(field, "var") ?? ""}\x1f${sorted(valuesOf(field).map((value) => `${value}\x1f`)).join("")}\x1e`,
    );
    return `${sorted(fields).join("")}\x1d`;
  });
  const input = [features, identities, forms].map((part) => `${sorted(part).join("")}\x1c`).join("");
  return digest(input, algorithm);
}

function isPlainForm(form: Element): boolean {
  const fields = childrenOf(form, "field", NS.dataForms);
  return (
    fields.length === elements(form).length &&
    fields.some((field) => attr(field, "var") === "FORM_TYPE" && valuesOf(field).length === 1)
  );
}

function digest(text: string, algorithm: string): string | undefined {
  const known = ALGORITHMS.get(algorithm);
  return known === undefined ? undefined : createHash(known).update(text, "utf8").digest("base64");
}

// i;octet (RFC 4790 section 9.3)
function sorted(texts: readonly string[]): string[] {
  return [...texts].sort(compareOctets);
}

function compareOctets(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
