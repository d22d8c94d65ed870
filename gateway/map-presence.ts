// Presence stanzas <-> PIDF documents (RFC 3922 sections 5, 6.3). Pure: the time, ids and recipients come in.
//
// XMPP to CPIM: all resources of a user make one document (`aggregate`). CPIM to XMPP: a document becomes one
// TuplePresence for each tuple, which is what the live gateway keeps and compares (`changedTuples`) and a stanza shows.

import type { Element } from "ltx";
import type { Jid } from "../server/jid.ts";
import { ok, type Result, refuse } from "../server/result.ts";
import { childrenOf, presence, presencePriority, presenceType, textOf } from "../server/stanza.ts";
import { type EscapeForm, fromUri, toUri } from "./address.ts";
import {
  activityOfShow,
  imOfShow,
  priorityFromPidf,
  priorityToPidf,
  type Show,
  showOf,
  showOfActivities,
  showOfTuple,
} from "./availability.ts";
import type { CpimObject, NewCpimObject } from "./cpim.ts";
import { e2eElement, isSecured, objectIn, textOfObject } from "./e2e.ts";
import {
  envelopeOf,
  firstOfEachLanguage,
  languageOf,
  type MappingOptions,
  partiesOf,
  recipientsOf,
  stanzaId,
} from "./envelope.ts";
import { decodeBody, mediaTypeOf, mimePart } from "./mime.ts";
import { type Note, type Person, type Pidf, type PidfOptions, parsePidf, serializePidf, type Tuple } from "./pidf.ts";
import { resourceOf, tupleId } from "./tuple-id.ts";

export type { Show };

/** One resource of a user, or the user as a whole, with the presence it sent last (no type, or unavailable). */
export type ResourcePresence = { readonly resource: string | undefined; readonly stanza: Element };

/** A tuple in XMPP's terms: plain data, to be kept and compared. No resource: the presentity as a whole. */
export type TuplePresence = {
  readonly resource?: string;
  readonly type: "available" | "unavailable";
  readonly show?: Show;
  readonly statuses: readonly Note[];
  readonly priority?: number;
};

/** What one object may become. A megabyte of tuples for one recipient is within it. */
const MAX_STANZAS = 20_000;

// ---- XMPP to CPIM

/** `timestamp`: RFC 3339, of every tuple; left out: none is written. */
export type PresenceOptions = MappingOptions & { readonly timestamp?: string };

/**
 * The one document that tells of all resources of a user: a tuple each, the open ones first, by priority, then by
 * resource. A resource that has just left is given with its unavailable presence; no resource at all: a closed tuple `_`.
 * Errors: the user has no pres: form. Source: RFC 3922 sections 5.1, 6.3.1, 6.3.2; JC-41.
 */
export function aggregate(
  user: Jid,
  resources: readonly ResourcePresence[],
  { timestamp, addressForm }: PresenceOptions = {},
): Result<Pidf> {
  const [entity, contact] = [toUri(user, "pres", addressForm), toUri(user, "im", addressForm)];
  if (!entity.ok) return entity;
  if (!contact.ok) return contact;
  const common = { contact: contact.value, timestamp };
  const inOrder = [...resources].sort(compareResources);
  const tuples = inOrder.map((resource) => tupleOf(resource, common));
  if (tuples.length === 0) tuples.push(closedTuple(undefined, common));
  const best = inOrder.find(isOpen);
  const activity = best === undefined ? undefined : activityOfShow(showOf(best.stanza));
  const document = { entity: entity.value, tuples, notes: [] };
  return ok(activity === undefined ? document : { ...document, person: personOf(activity, tuples) });
}

function isOpen({ stanza }: ResourcePresence): boolean {
  return presenceType(stanza) !== "unavailable";
}

function compareResources(a: ResourcePresence, b: ResourcePresence): number {
  const [openA, openB] = [isOpen(a), isOpen(b)];
  if (openA !== openB) return openA ? -1 : 1;
  const byPriority = openA ? presencePriority(b.stanza) - presencePriority(a.stanza) : 0;
  if (byPriority !== 0) return byPriority;
  const [nameA, nameB] = [a.resource ?? "", b.resource ?? ""];
  return nameA < nameB ? -1 : nameA > nameB ? 1 : 0;
}

type Common = { readonly contact: string; readonly timestamp: string | undefined };

function closedTuple(resource: string | undefined, { contact, timestamp }: Common): Tuple {
  const tuple: Tuple = { id: tupleId(resource), basic: "closed", contact: { uri: contact }, notes: [] };
  return timestamp === undefined ? tuple : { ...tuple, timestamp };
}

function tupleOf(presenceOf: ResourcePresence, common: Common): Tuple {
  const { resource, stanza } = presenceOf;
  const priority = priorityToPidf(stanza);
  const tuple: Tuple = {
    ...closedTuple(resource, common),
    contact: priority === undefined ? { uri: common.contact } : { uri: common.contact, priority },
    notes: childrenOf(stanza, "status").flatMap(noteOf),
  };
  if (!isOpen(presenceOf)) return tuple; // JC-29: no show with closed
  const show = showOf(stanza);
  return { ...tuple, basic: "open", ...(show === undefined ? {} : { im: imOfShow(show), show }) };
}

function noteOf(status: Element): Note[] {
  const text = textOf(status);
  const lang = languageOf(status);
  if (text === "") return [];
  return [lang === undefined ? { text } : { text, lang }];
}

function personOf(activity: string, tuples: readonly Tuple[]): Person {
  let id = "person";
  while (tuples.some((tuple) => tuple.id === id)) id += "-";
  return { id, activities: [activity] };
}

/**
 * The document of one stanza, as if its sender had no other resource.
 * @returns null for the types that are no notification (RFC 3922 section 5.1.4)
 * Errors: from is missing or has no pres: form.
 */
export function presenceToPidf(stanza: Element, options: PresenceOptions = {}): Result<Pidf | null> {
  const parties = partiesOf(stanza);
  if (!parties.ok) return parties;
  if (!isNotification(stanza)) return ok(null);
  const { from } = parties.value;
  return aggregate(from, [{ resource: from.resourcepart, stanza }], options);
}

function isNotification(stanza: Element): boolean {
  const type = presenceType(stanza);
  return type === "available" || type === "unavailable";
}

/**
 * The object that carries the presence of one stanza, its e2e object if it has one.
 * @returns null for the types that are no notification
 * Errors: from or to is missing or has no URI. Source: RFC 3922 section 5.1.
 */
export function presenceToCpim(
  stanza: Element,
  options: PresenceOptions & PidfOptions = {},
): Result<NewCpimObject | null> {
  const parties = partiesOf(stanza);
  if (!parties.ok) return parties;
  if (!isNotification(stanza)) return ok(null);
  const envelope = envelopeOf(parties.value, options.addressForm);
  if (!envelope.ok) return envelope;
  const secured = objectIn(stanza);
  if (!secured.ok) return secured;
  if (secured.value !== undefined) return ok({ ...envelope.value, content: { octets: secured.value } });
  const document = presenceToPidf(stanza, options);
  if (!document.ok || document.value === null) return document as Result<null>;
  const body = Buffer.from(serializePidf(document.value, options), "utf8");
  const content = mimePart([{ name: "Content-type", value: "application/pidf+xml; charset=utf-8" }], body);
  return ok({ ...envelope.value, content });
}

// ---- CPIM to XMPP

/**
 * What a document says, tuple by tuple and in its order; a tuple that says nothing XMPP knows is not among them.
 * @param sender whose presence it must be
 * @returns null for notes without tuples, which are not mapped; one unavailable presence without resource for neither
 * Errors: the entity is somebody else's (JC-37), an id that fits no resource, two ids for one resource.
 * Source: RFC 3922 sections 5.2, 6.3.
 */
export function pidfToTuples(document: Pidf, sender: Jid, form?: EscapeForm): Result<readonly TuplePresence[] | null> {
  const entity = fromUri(document.entity, ["pres"], form);
  if (!entity.ok) return refuse(`entity: ${entity.reason}`, "entity");
  if (entity.value.bareString !== sender.bareString) return refuse("the entity is not the sender", "entity");
  if (document.tuples.length === 0) {
    return ok(document.notes.length > 0 ? null : [{ type: "unavailable", statuses: [] }]); // JC-33, JC-34
  }
  // Activities are those of the person, so they count only where no tuple speaks for itself.
  const isSilent = document.tuples.every(({ im, show }) => im === undefined && show === undefined);
  const activity = isSilent ? showOfActivities(document.person?.activities ?? []) : undefined;
  const tuples: TuplePresence[] = [];
  const resources = new Set<string | undefined>();
  for (const tuple of document.tuples) {
    const resource = resourceOf(tuple.id);
    if (!resource.ok) return resource;
    if (resources.has(resource.value)) return refuse("two tuples for one resource");
    resources.add(resource.value);
    const mapped = mapTuple(tuple, activity);
    if (mapped !== undefined)
      tuples.push(resource.value === undefined ? mapped : { resource: resource.value, ...mapped });
  }
  return ok(tuples);
}

function mapTuple(tuple: Tuple, activity: Show | undefined): Omit<TuplePresence, "resource"> | undefined {
  const own = showOfTuple(tuple);
  if (tuple.basic === undefined && own === undefined) return undefined; // JC-36
  const priority = tuple.contact?.priority;
  const statuses = firstOfEachLanguage(tuple.notes.filter(({ text }) => text !== "")); // JC-30
  const rest = priority === undefined ? { statuses } : { statuses, priority: priorityFromPidf(priority) };
  if (tuple.basic === "closed") return { type: "unavailable", ...rest };
  const show = own ?? activity;
  return { type: "available", ...(show === undefined ? {} : { show }), ...rest };
}

export type Delivery = { readonly from: Jid; readonly to: Jid; readonly id?: string };

/** The stanza that tells of a tuple. `from` and `to` are bare. Errors: none. Source: RFC 3922 section 5.2. */
export function tupleToPresence(tuple: TuplePresence, { from, to, id }: Delivery): Element {
  const sender = tuple.resource === undefined ? from : from.withResource(tuple.resource);
  const stanza = presence({ from: sender.toString(), to: to.toString() });
  if (id !== undefined) stanza.attrs.id = id;
  if (tuple.type === "unavailable") stanza.attrs.type = "unavailable";
  if (tuple.show !== undefined) stanza.c("show").t(tuple.show);
  for (const { text, lang } of tuple.statuses)
    stanza.c("status", lang === undefined ? {} : { "xml:lang": lang }).t(text);
  if (tuple.priority !== undefined) stanza.c("priority").t(String(tuple.priority));
  return stanza;
}

/** All stanzas of a document, for a new subscription or a fetch. Errors: those of `pidfToTuples`. */
export function pidfToPresence(document: Pidf, delivery: Delivery): Result<Element[]> {
  const tuples = pidfToTuples(document, delivery.from);
  if (!tuples.ok) return tuples;
  return ok((tuples.value ?? []).map((tuple) => tupleToPresence(tuple, delivery)));
}

/**
 * What a watcher who knows `before` must be told of: the tuples whose type, show, status or priority changed, and those
 * that are gone, as unavailable. Errors: none. Source: RFC 3922 section 6.3.1.
 */
export function changedTuples(before: readonly TuplePresence[], after: readonly TuplePresence[]): TuplePresence[] {
  const known = new Map(before.map((tuple) => [tuple.resource, tuple]));
  const present = new Set(after.map(({ resource }) => resource));
  const gone = before.filter(({ resource, type }) => type === "available" && !present.has(resource));
  return [
    ...after.filter((tuple) => mappedForm(tuple) !== mappedForm(known.get(tuple.resource))),
    ...gone.map(({ resource }): TuplePresence => {
      const tuple = { type: "unavailable", statuses: [] } as const;
      return resource === undefined ? tuple : { resource, ...tuple };
    }),
  ];
}

function mappedForm(tuple: TuplePresence | undefined): string {
  return tuple === undefined ? "" : JSON.stringify([tuple.type, tuple.show, statusesOf(tuple), tuple.priority]);
}

function statusesOf({ statuses }: TuplePresence): unknown {
  return statuses.map(({ text, lang }) => [text, lang]);
}

/**
 * The presence stanzas that an object stands for: to each different To, one for each tuple.
 * @param transId of the operation, where there is one; it becomes the stanzas' id
 * Errors: an address that has no XMPP form, a content that is no PIDF document. Source: RFC 3922 section 5.2.
 */
export function cpimToPresence(
  object: CpimObject,
  { transId, addressForm }: MappingOptions & { transId?: string } = {},
): Result<Element[]> {
  const parties = recipientsOf(object, ["im", "pres"], addressForm);
  if (!parties.ok) return parties;
  const { from, to } = parties.value;
  const id = stanzaId(object, transId);
  const deliveries = to.map((recipient) => (id === undefined ? { from, to: recipient } : { from, to: recipient, id }));
  const type = mediaTypeOf(object.content.headers);
  if (!type.ok) return type;
  if (type.value !== undefined && isSecured(type.value)) {
    const text = textOfObject(object.content);
    if (!text.ok) return text;
    const bare: TuplePresence = { type: "available", statuses: [] };
    return ok(deliveries.map((delivery) => withChild(tupleToPresence(bare, delivery), e2eElement(text.value))));
  }
  if (type.value?.type !== "application/pidf+xml") return refuse(`${type.value?.type} is no presence`);
  const octets = decodeBody(object.content);
  if (!octets.ok) return octets;
  const document = parsePidf(octets.value, type.value.parameters.get("charset"));
  if (!document.ok) return document;
  const tuples = pidfToTuples(document.value, from, addressForm);
  if (!tuples.ok) return tuples;
  const mapped = tuples.value ?? [];
  if (mapped.length * to.length > MAX_STANZAS) return refuse("too many recipients for so many tuples", "To");
  return ok(deliveries.flatMap((delivery) => mapped.map((tuple) => tupleToPresence(tuple, delivery))));
}

function withChild(parent: Element, added: Element): Element {
  parent.cnode(added);
  return parent;
}
