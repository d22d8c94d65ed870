// PIDF codec (RFC 3863), with the extensions that say how available somebody is: im:im (RFC 3863 section 4.3.1), show
// (the habit of RFC 8048) and the activities of a person (RFC 4479, RFC 4480). Maps nothing.

import { NS } from "../server/namespaces.ts";
import { ok, type Result, refuse } from "../server/result.ts";
import { isLanguageTag } from "./cpim.ts";
import { childElements, ownText, parseXml, replaceForbidden, XML_BOUNDS, type XmlElement } from "./xml-document.ts";

export type Basic = "open" | "closed";
export type Note = { readonly text: string; readonly lang?: string };
/** `priority` in thousandths, 0 to 1000; absent where the attribute is absent or no qvalue. */
export type Contact = { readonly uri: string; readonly priority?: number };

export type Tuple = {
  readonly id: string;
  readonly basic?: Basic;
  /** The text of im:im, whatever it is. */
  readonly im?: string;
  /** The text of a show element in jabber:client, whatever it is. */
  readonly show?: string;
  readonly contact?: Contact;
  readonly notes: readonly Note[];
  readonly timestamp?: string;
};

/** `activities` are the names of RFC 4480 section 3.2, in the order of the document. */
export type Person = { readonly id: string; readonly activities: readonly string[] };

export type Pidf = {
  readonly entity: string;
  readonly tuples: readonly Tuple[];
  readonly notes: readonly Note[];
  readonly person?: Person;
};

/**
 * Reads a document, in any order and with any prefixes; unknown elements are skipped with all they contain.
 * @param charset parameter of the media type, where there is one
 * Errors: what sections 4.1 and 4.4 do not allow (a tuple without id, an empty status, ...), a DTD, the bounds of
 * XML_BOUNDS. Source: RFC 3863 sections 4.1, 4.2.
 */
export function parsePidf(input: Buffer | string, charset?: string): Result<Pidf> {
  const document = parseXml(input, { ...XML_BOUNDS, extras: "allowed" }, charset);
  if (!document.ok) return document;
  const root = document.value;
  if (root.ns !== NS.pidf || root.name !== "presence") return refuse(`the root element is not presence in ${NS.pidf}`);
  const entity = root.attributes.get("entity");
  if (entity === undefined) return refuse("presence has no entity");
  if (!/^pres:/i.test(entity)) return refuse("the entity is not a pres: URI");
  const language = languageOf(root, undefined);
  const tuples: Tuple[] = [];
  const ids = new Set<string>();
  for (const element of childrenNamed(root, NS.pidf, "tuple")) {
    const tuple = readTuple(element, language);
    if (!tuple.ok) return tuple;
    if (ids.has(tuple.value.id)) return refuse(`two tuples with the id ${JSON.stringify(tuple.value.id)}`);
    ids.add(tuple.value.id);
    tuples.push(tuple.value);
  }
  const person = readPerson(childrenNamed(root, NS.dataModel, "person"));
  const parts = { entity, tuples, notes: readNotes(root, language) };
  return ok(person === undefined ? parts : { ...parts, person });
}

// RFC 3863 sections 4.1.2 to 4.1.7
function readTuple(element: XmlElement, inherited: string | undefined): Result<Tuple> {
  const id = element.attributes.get("id");
  if (id === undefined || id === "") return refuse("a tuple without an id");
  const statuses = childrenNamed(element, NS.pidf, "status");
  if (statuses.length === 0) return refuse("a tuple without a status");
  if (statuses.some((status) => childElements(status).length === 0)) return refuse("an empty status");
  const values = statuses.flatMap((status) => childrenNamed(status, NS.pidf, "basic")).map(ownText);
  if (values.some((value) => value !== "open" && value !== "closed"))
    return refuse("a basic other than open or closed");
  const basic = values[0] as Basic | undefined;
  const im = readExtension(statuses, NS.pidfIm, "im");
  const show = readExtension(statuses, NS.client, "show");
  const [contact] = childrenNamed(element, NS.pidf, "contact");
  const [timestamp] = childrenNamed(element, NS.pidf, "timestamp");
  return ok({
    id,
    ...(basic === undefined ? {} : { basic }),
    ...(im === undefined ? {} : { im }),
    ...(show === undefined ? {} : { show }),
    ...(contact === undefined ? {} : { contact: readContact(contact) }),
    notes: readNotes(element, languageOf(element, inherited)),
    ...(timestamp === undefined ? {} : { timestamp: ownText(timestamp).trim() }),
  });
}

function readExtension(statuses: readonly XmlElement[], ns: string, name: string): string | undefined {
  const element = statuses
    .flatMap((status) => childrenNamed(status, ns, name))
    .find((found) => !demandsMore(found, () => false));
  return element === undefined ? undefined : ownText(element).trim();
}

function readContact(element: XmlElement): Contact {
  const uri = ownText(element).trim();
  // Section 4.4, qvalue; one that breaks the pattern counts as absent (section 4.1.5).
  const match = /^(?:0(?:\.([0-9]{0,3}))?|(1)(?:\.0{0,3})?)$/.exec(element.attributes.get("priority") ?? "");
  if (match === null) return { uri };
  return { uri, priority: match[2] === "1" ? 1000 : Number((match[1] ?? "").padEnd(3, "0")) };
}

function readNotes(parent: XmlElement, inherited: string | undefined): Note[] {
  return childrenNamed(parent, NS.pidf, "note").map((element) => {
    const lang = languageOf(element, inherited);
    return lang === undefined ? { text: ownText(element) } : { text: ownText(element), lang };
  });
}

function readPerson(persons: readonly XmlElement[]): Person | undefined {
  const isActivities = (child: XmlElement): boolean => child.ns === NS.rpid && child.name === "activities";
  const isActivity = (child: XmlElement): boolean => child.ns === NS.rpid;
  const understood = persons.filter((person) => !demandsMore(person, isActivities));
  const [first] = understood;
  if (first === undefined) return undefined;
  const activities = understood
    .flatMap((person) => childElements(person).filter(isActivities))
    .filter((element) => !demandsMore(element, isActivity))
    .flatMap((element) => childElements(element).filter(isActivity));
  return { id: first.attributes.get("id") ?? "", activities: activities.map(({ name }) => name) };
}

// Section 4.2.3: a mandatory child that we do not know makes us ignore the extension round it.
function demandsMore(extension: XmlElement, isKnown: (child: XmlElement) => boolean): boolean {
  return childElements(extension).some(
    (child) => !isKnown(child) && /^\s*(?:true|1)\s*$/.test(child.attributes.get(`{${NS.pidf}}mustUnderstand`) ?? ""),
  );
}

function childrenNamed(parent: XmlElement, ns: string, name: string): XmlElement[] {
  return childElements(parent).filter((child) => child.ns === ns && child.name === name);
}

// XML 1.0 section 2.12: inherited; the empty value takes it back. What is no language tag says nothing.
function languageOf(element: XmlElement, inherited: string | undefined): string | undefined {
  const own = element.attributes.get(`{${NS.xml}}lang`);
  if (own === undefined) return inherited;
  return isLanguageTag(own) ? own : undefined;
}

export type PidfOptions = {
  /** All that tell how available somebody is (im:im, show, person), or im:im alone. */
  readonly statusForms?: "all" | "im";
};

/**
 * Writes a document: open tuples before closed ones, PIDF as the default namespace, the prefixes literally im, dm and
 * rpid, because some watchers match text. Errors: none. Source: RFC 3863 section 4.1, RFC 4479 section 5, RFC 4480.
 */
export function serializePidf(document: Pidf, { statusForms = "all" }: PidfOptions = {}): string {
  const all = statusForms === "all";
  const person = all ? document.person : undefined;
  const tuples = [
    ...document.tuples.filter(({ basic }) => basic === "open"),
    ...document.tuples.filter(({ basic }) => basic !== "open"),
  ];
  let declarations = ` xmlns="${NS.pidf}"`;
  if (tuples.some(({ im }) => im !== undefined)) declarations += ` xmlns:im="${NS.pidfIm}"`;
  if (person !== undefined) declarations += ` xmlns:dm="${NS.dataModel}" xmlns:rpid="${NS.rpid}"`;
  const lines = ["<?xml version='1.0' encoding='UTF-8'?>"];
  lines.push(`<presence${declarations} entity="${escapeAttribute(document.entity)}">`);
  for (const tuple of tuples) writeTuple(tuple, all, lines);
  for (const note of document.notes) lines.push(`  ${noteElement(note)}`);
  if (person !== undefined) {
    const activities = person.activities.map((name) => `<rpid:${name}/>`).join("");
    lines.push(`  <dm:person id="${escapeAttribute(person.id)}">`);
    lines.push(`    <rpid:activities>${activities}</rpid:activities>`, "  </dm:person>");
  }
  lines.push("</presence>");
  return lines.join("\n");
}

function writeTuple(tuple: Tuple, all: boolean, lines: string[]): void {
  lines.push(`  <tuple id="${escapeAttribute(tuple.id)}">`, "    <status>");
  if (tuple.basic !== undefined) lines.push(`      <basic>${tuple.basic}</basic>`);
  if (tuple.im !== undefined) lines.push(`      <im:im>${escapeXml(tuple.im)}</im:im>`);
  if (all && tuple.show !== undefined) lines.push(`      <show xmlns='${NS.client}'>${escapeXml(tuple.show)}</show>`);
  lines.push("    </status>");
  if (tuple.contact !== undefined) {
    const { uri, priority } = tuple.contact;
    const attribute = priority === undefined ? "" : ` priority="${priorityText(priority)}"`;
    lines.push(`    <contact${attribute}>${escapeXml(uri)}</contact>`);
  }
  for (const note of tuple.notes) lines.push(`    ${noteElement(note)}`);
  if (tuple.timestamp !== undefined) lines.push(`    <timestamp>${escapeXml(tuple.timestamp)}</timestamp>`);
  lines.push("  </tuple>");
}

function noteElement({ text, lang }: Note): string {
  return `<note${lang === undefined ? "" : ` xml:lang="${escapeAttribute(lang)}"`}>${escapeXml(text)}</note>`;
}

function priorityText(thousandths: number): string {
  if (thousandths <= 0) return "0";
  return thousandths >= 1000 ? "1" : `0.${String(thousandths).padStart(3, "0")}`;
}

function escapeXml(text: string): string {
  return replaceForbidden(text)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll("\r", "&#13;");
}

// A reader would turn these raw into spaces (XML 1.0 section 3.3.3).
function escapeAttribute(text: string): string {
  return escapeXml(text).replaceAll('"', "&quot;").replaceAll("\t", "&#9;").replaceAll("\n", "&#10;");
}
