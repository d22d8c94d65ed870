// What must be true of the book when all is quiet: every accepted message is everywhere where it belongs, once, in order.
// Pure: a ledger in, violations and sums out.

import type { Arrival, Entry, Ledger, SessionRecord } from "./ledger.ts";
import { isArchived, KINDS, type Kind, usersOf } from "./message.ts";

export type Violation = { readonly what: string; readonly id?: string; readonly history: readonly string[] };

export type Sums = {
  readonly byKind: Record<Kind, { written: number; accepted: number; refused: number; unknown: number }>;
  direct: number;
  copies: number;
  delayed: number;
  fromArchives: number;
  archived: number;
  events: number;
  /** To a later session of a device whose acknowledgement of the first one was not on the server's disk. */
  repeated: number;
  /** As a copy to a device that took no messages then, and once more from the offline store. */
  copiedAndStored: number;
  /** The session that was to be told of a refusal ended first. */
  refusalsUnseen: number;
  /** Messages that a session which was there all the while had to get, and got. */
  live: number;
};

export type Verdict = { readonly violations: readonly Violation[]; readonly sums: Sums };

/** @param devices "user/resource" of every device; all of them have caught up */
export function judge(ledger: Ledger, devices: readonly string[]): Verdict {
  const violations: Violation[] = [];
  const blame = (what: string, entry?: Entry): void => {
    violations.push(
      entry === undefined ? { what, history: [] } : { what, id: entry.message.id, history: entry.history },
    );
  };
  const sums = newSums();
  for (const { what, id } of ledger.strays) blame(what, id === undefined ? undefined : ledger.entries.get(id));
  const archived = countRows(ledger, blame);
  const sessions = devices.map((device) => ledger.sessions.filter((session) => session.device === device));
  for (const entry of ledger.entries.values()) {
    judgeFate(entry, sums, blame);
    judgeArchives(entry, archived, sums, blame);
    judgeIds(entry, archived, blame);
    judgeEvents(entry, sums, blame);
    judgeDelivery(entry, archived, blame);
    for (const device of devices) judgeDevice(entry, device, archived, sums, blame);
    for (const ofDevice of sessions) judgeLive(entry, thereBefore(ofDevice, entry.writtenAt), sums, blame);
  }
  judgeOrder(ledger, blame);
  judgeEventLog(ledger, blame);
  return { violations, sums };
}

type Blame = (what: string, entry?: Entry) => void;
/** By user, then by message: the stanza-ids under which it is archived. */
type Archived = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;

function countRows(ledger: Ledger, blame: Blame): Archived {
  const archived = new Map<string, Map<string, string[]>>();
  for (const [user, rows] of ledger.archives) {
    const byId = new Map<string, string[]>();
    const seen = new Set<string>();
    for (const { stanzaId, id } of rows) {
      if (seen.has(stanzaId)) blame(`stanza-id ${stanzaId} is twice in the archive of ${user}`, ledger.entries.get(id));
      seen.add(stanzaId);
      if (!ledger.entries.has(id)) blame(`${id} is in the archive of ${user}, and was never sent`);
      byId.set(id, [...(byId.get(id) ?? []), stanzaId]);
    }
    archived.set(user, byId);
  }
  return archived;
}

function isRefused({ refusals }: Entry): boolean {
  return refusals.length > 0;
}

function judgeFate(entry: Entry, sums: Sums, blame: Blame): void {
  const { message, acceptedAt, acceptedIn } = entry;
  const sum = sums.byKind[message.kind];
  sum.written += 1;
  if (isRefused(entry)) {
    sum.refused += 1;
    return;
  }
  if (acceptedAt === undefined) {
    sum.unknown += 1;
    // An HTTP answer may be lost for good; a stream-managed client always learns what became of its stanzas.
    if (message.kind !== "from-foreign") blame("its sender never learned what became of it", entry);
    return;
  }
  sum.accepted += 1;
  if (message.kind !== "refused") return;
  if (acceptedIn !== undefined && acceptedIn.syncedAt <= acceptedAt) sums.refusalsUnseen += 1;
  else blame("neither delivered nor refused", entry);
}

function judgeArchives(entry: Entry, archived: Archived, sums: Sums, blame: Blame): void {
  const { message, acceptedAt } = entry;
  const expected = isArchived(message.kind) && !isRefused(entry);
  const found = usersOf(message).map((user) => [user, archived.get(user)?.get(message.id)?.length ?? 0] as const);
  for (const [user, count] of found) {
    sums.archived += count;
    if (count > 1) blame(`${count} times in the archive of ${user}`, entry);
    if (!expected && count > 0) blame(`in the archive of ${user}, where it does not belong`, entry);
    if (expected && count === 0 && acceptedAt !== undefined) blame(`not in the archive of ${user}`, entry);
  }
  for (const [user, rows] of archived) {
    if (rows.has(message.id) && !usersOf(message).includes(user)) blame(`in the archive of a stranger, ${user}`, entry);
  }
}

// One message has one id in one account's name, wherever it is seen.
function judgeIds(entry: Entry, archived: Archived, blame: Blame): void {
  const { message, arrivals } = entry;
  for (const user of usersOf(message)) {
    const ids = new Set(archived.get(user)?.get(message.id));
    for (const { session, stanzaId, way } of arrivals) {
      if (session.user !== user) continue;
      if (stanzaId !== undefined) ids.add(stanzaId);
      else if (isArchived(message.kind)) blame(`${way} at ${session.device} without a stanza-id`, entry);
    }
    if (ids.size > 1) blame(`${user} has it under the stanza-ids ${[...ids].join(", ")}`, entry);
  }
}

function judgeEvents(entry: Entry, sums: Sums, blame: Blame): void {
  const { message, events, acceptedAt } = entry;
  sums.events += events.length;
  if (events.length > 1) blame(`events ${events.join(", ")} carry it`, entry);
  const expected = message.kind === "to-foreign" && !isRefused(entry);
  if (!expected && events.length > 0) blame("at the foreign side, where it does not belong", entry);
  if (expected && acceptedAt !== undefined && events.length === 0) blame("not at the foreign side", entry);
}

// An archive makes up for what a device missed, not for delivery: one device at least has had the message itself, at once, from
// the offline store, or in place of a session that ended.
function judgeDelivery(entry: Entry, archived: Archived, blame: Blame): void {
  const { to, kind, id } = entry.message;
  if (to === undefined || !isArchived(kind) || isRefused(entry)) return;
  if (entry.acceptedAt === undefined && archived.get(to)?.has(id) !== true) return;
  const delivered = entry.arrivals.some(({ session, way }) => session.user === to && way !== "archive");
  if (!delivered) blame(`never delivered to any device of ${to}`, entry);
}

function judgeDevice(entry: Entry, device: string, archived: Archived, sums: Sums, blame: Blame): void {
  const { message, acceptedAt } = entry;
  const user = device.split("/")[0] as string;
  const all = entry.arrivals.filter(({ session }) => session.device === device);
  const came = all.filter(({ way }) => way !== "archive");
  count(all, sums);
  if (!usersOf(message).includes(user)) {
    if (all.length > 0) blame(`at ${device}, where it does not belong`, entry);
    return;
  }
  if (message.kind === "refused" || isRefused(entry)) {
    if (all.length > 0) blame(`refused, and at ${device}`, entry);
    return;
  }
  judgeRepeats(entry, came, device, sums, blame);
  if (message.sender === device) {
    if (came.length > 0 && message.kind !== "self") blame(`back at its sender ${device}`, entry);
    return;
  }
  // What an HTTP caller never learned of need not be there; but it is at all devices, or at none.
  const kept = acceptedAt !== undefined || (archived.get(user)?.get(message.id)?.length ?? 0) > 0;
  if (isArchived(message.kind) && kept && all.length === 0) blame(`lost: not at ${device}`, entry);
}

function count(all: readonly Arrival[], sums: Sums): void {
  for (const { way, delayed } of all) {
    if (way === "archive") sums.fromArchives += 1;
    else if (delayed) sums.delayed += 1;
    else if (way === "direct") sums.direct += 1;
    else sums.copies += 1;
  }
}

// XEP-0198 section 4 leaves open what becomes of a stanza that was received and whose acknowledgement was not.
function judgeRepeats(entry: Entry, came: readonly Arrival[], device: string, sums: Sums, blame: Blame): void {
  for (const [index, again] of came.entries()) {
    const before = came.slice(0, index);
    if (before.length === 0) continue;
    if (before.every(isCopy) && again.way === "direct" && again.delayed && wasStored(entry, again.session.user)) {
      sums.copiedAndStored += 1;
    } else if (before.some(({ session }) => session === again.session)) {
      blame(`twice in session ${again.session.number} of ${device}`, entry);
    } else if (before.some(({ session, h }) => h > 0 && h <= session.confirmed)) {
      blame(`again at ${device}, which had confirmed it`, entry);
    } else {
      sums.repeated += 1;
    }
  }
}

function isCopy({ way }: Arrival): boolean {
  return way === "received" || way === "sent";
}

// RFC 6121 section 8.5.2.2.1: no device of the user took messages when it came.
function wasStored({ arrivals }: Entry, user: string): boolean {
  return !arrivals.some(({ session, way, delayed }) => session.user === user && way === "direct" && !delayed);
}

// A device has one session at a time: the last of those that got copies before the message was written.
function thereBefore(sessions: readonly SessionRecord[], at: number | undefined): SessionRecord | undefined {
  if (at === undefined) return undefined;
  let [low, high] = [0, sessions.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const { copiesFrom = Number.POSITIVE_INFINITY } = sessions[middle] as SessionRecord;
    if (copiesFrom < at) low = middle + 1;
    else high = middle;
  }
  return sessions[low - 1];
}

// A session that was there from before the message until after it has it on its own stream, with no help of an archive.
function judgeLive(entry: Entry, session: SessionRecord | undefined, sums: Sums, blame: Blame): void {
  const { message, acceptedAt, arrivals } = entry;
  if (session === undefined || acceptedAt === undefined || session.syncedAt <= acceptedAt) return;
  if (message.kind === "refused" || isRefused(entry) || message.sender === session.device) return;
  if (!usersOf(message).includes(session.user)) return;
  const here = arrivals.some((arrival) => arrival.session === session && arrival.way !== "archive");
  if (here) sums.live += 1;
  else blame(`session ${session.number} of ${session.device} was there all the while, and did not get it`, entry);
}

function judgeOrder(ledger: Ledger, blame: Blame): void {
  // Those of which a presentity was told nothing may still have been on their way when it sent the next one.
  const ordered = (id: string): Entry | undefined => {
    const entry = ledger.entries.get(id);
    return entry?.acceptedAt === undefined ? undefined : entry;
  };
  for (const [user, rows] of ledger.archives) {
    const entries = rows.flatMap(({ id }) => ordered(id) ?? []);
    inOrder(entries, `in the archive of ${user}`, blame);
  }
  const streams = new Map<SessionRecord, { entry: Entry; h: number }[]>();
  for (const entry of ledger.entries.values()) {
    if (ordered(entry.message.id) === undefined) continue;
    for (const { session, way, h, delayed } of entry.arrivals) {
      if (way === "archive" || delayed) continue;
      const stream = streams.get(session) ?? [];
      streams.set(session, stream);
      stream.push({ entry, h });
    }
  }
  for (const [{ device, number }, stream] of streams) {
    const entries = stream.sort((a, b) => a.h - b.h).map(({ entry }) => entry);
    inOrder(entries, `in session ${number} of ${device}`, blame);
  }
  const events = (ledger.eventLog ?? []).flatMap((id) => ordered(id) ?? []);
  inOrder(events, "in the log of events", blame);
}

function inOrder(entries: readonly Entry[], where: string, blame: Blame): void {
  const last = new Map<string, Entry>();
  for (const entry of entries) {
    const before = last.get(entry.message.sender);
    if (before !== undefined && before.message.place > entry.message.place) {
      blame(`behind ${before.message.id} ${where}`, entry);
    }
    last.set(entry.message.sender, entry);
  }
}

// What the foreign side read piece by piece, resuming, is what the whole log has.
function judgeEventLog(ledger: Ledger, blame: Blame): void {
  if (ledger.eventLog === undefined) return;
  const times = new Map<string, number>();
  for (const id of ledger.eventLog) times.set(id, (times.get(id) ?? 0) + 1);
  for (const [id, number] of times) {
    const entry = ledger.entries.get(id);
    if (entry === undefined) blame(`${id} is in the log of events, and was never sent`);
    else if (number !== entry.events.length) {
      blame(`${number} times in the log of events, and ${entry.events.length} times told`, entry);
    }
  }
  for (const entry of ledger.entries.values()) {
    if (entry.events.length > 0 && !times.has(entry.message.id)) blame("told, and not in the log of events", entry);
  }
}

function newSums(): Sums {
  const byKind = Object.fromEntries(
    KINDS.map((kind) => [kind, { written: 0, accepted: 0, refused: 0, unknown: 0 }]),
  ) as Sums["byKind"];
  const zero = { direct: 0, copies: 0, delayed: 0, fromArchives: 0, archived: 0, events: 0 };
  return { byKind, ...zero, repeated: 0, copiedAndStored: 0, refusalsUnseen: 0, live: 0 };
}
