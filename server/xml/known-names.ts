// The names and namespaces that streams mostly consist of. The parser gives these strings, instead of new ones for each
// stanza: it costs less, and they keep nothing of the input alive.

import { NS } from "../namespaces.ts";

const ELEMENTS = `stream:stream stream:error stream message presence iq body subject thread show status priority error text query
  item group ping bind resource session c x active inactive composing paused gone received request displayed markable
  acknowledged delay forwarded sent private result fin set first last count max before after index stanza-id origin-id
  occupant-id replace store no-store no-copy no-permanent-store encrypted header key iv payload encryption reactions
  reaction fallback reply pubsub publish items event retract delete purge subscribe subscription subscriptions unsubscribe
  affiliations configure options publish-options field value identity feature enable enabled disable resume resumed r a
  auth response challenge success authenticate starttls proceed open close vCard PHOTO FN N TYPE BINVAL photo data metadata
  info history destroy reason invite decline password block unblock blocklist time utc tzo version name os prefs always never
  conference nick moderate slot get put url desc hash`;

const ATTRIBUTES = `to from id type xmlns xml:lang xmlns:stream version jid name node ver hash subscription ask approved stamp
  code by var label category affiliation role nick action autojoin seconds queryid complete h previd location resume max
  mechanism reason parent sid rid prekey for width height bytes url content-type size filename actor algo`;

type Known = { readonly text: string; readonly octets: Uint8Array };

const BUCKETS = 1024;
const table: (Known[] | undefined)[] = new Array(BUCKETS).fill(undefined);
for (const text of new Set([...`${ELEMENTS} ${ATTRIBUTES}`.split(/\s+/), ...Object.values(NS)])) {
  const octets = Buffer.from(text);
  const bucket = bucketOf(octets, 0, octets.length);
  table[bucket] = [...(table[bucket] ?? []), { text, octets }];
}
const TABLE: readonly (readonly Known[] | undefined)[] = table;

/** The name or namespace that these octets are, of which there is at least one, if it is one of the usual. */
export function known(octets: Uint8Array, from: number, to: number): string | undefined {
  const candidates = TABLE[bucketOf(octets, from, to)];
  if (candidates === undefined) return undefined;
  for (const each of candidates) if (isThere(each.octets, octets, from, to)) return each.text;
  return undefined;
}

function bucketOf(octets: Uint8Array, from: number, to: number): number {
  const [first, middle, last] = [octets[from], octets[(from + to) >> 1], octets[to - 1]] as [number, number, number];
  return (first * 5 + middle * 29 + last * 97 + (to - from) * 211) % BUCKETS;
}

function isThere(word: Uint8Array, octets: Uint8Array, from: number, to: number): boolean {
  if (word.length !== to - from) return false;
  // From the end on: there namespaces differ.
  for (let index = word.length - 1; index >= 0; index--) if (word[index] !== octets[from + index]) return false;
  return true;
}
