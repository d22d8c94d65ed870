// Reports that come with a request to block (XEP-0377 version 0.4.1): read, bounded, and put on record for the operator.
// They go nowhere else, whatever their senders would allow.

import type { Element } from "ltx";
import type { Clock, EpochMs } from "../clock.ts";
import type { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { attr, child, childrenOf, textOf } from "../stanza.ts";

const HOUR_MS = 3_600_000;
const MAX_REASON_CHARACTERS = 100;
const MAX_IDS = 10;
const MAX_ID_CHARACTERS = 64;
const MAX_TEXT_CHARACTERS = 300;
const REASONS = "urn:xmpp:reporting:";

export type Report = {
  /** Who is blocked, and reported. */
  readonly address: Jid;
  /** "spam", "abuse", or the URN of another reason. */
  readonly reason: string;
  /** Of the messages, in the archive of who reports them. */
  readonly stanzaIds: readonly string[];
  readonly text: string;
};

/**
 * The report in an item of a request to block; undefined: there is none, or none with a reason, which is no reason not to
 * block (section 6).
 */
export function readReport(item: Element, address: Jid): Report | undefined {
  const report = child(item, "report", NS.reporting);
  const reason = report && attr(report, "reason");
  if (report === undefined || reason === undefined || reason === "") return undefined;
  const text = child(report, "text", NS.reporting);
  return {
    address,
    reason: cut(reason.startsWith(REASONS) ? reason.slice(REASONS.length) : reason, MAX_REASON_CHARACTERS),
    stanzaIds: childrenOf(report, "stanza-id", NS.stanzaIds)
      .flatMap((stanzaId) => attr(stanzaId, "id") ?? [])
      .slice(0, MAX_IDS)
      .map((id) => cut(id, MAX_ID_CHARACTERS)),
    text: text === undefined ? "" : cut(textOf(text).trim().replaceAll(/\s+/g, " "), MAX_TEXT_CHARACTERS),
  };
}

/** One line for the audit trail. */
export function describeReport({ address, reason, stanzaIds, text }: Report): string {
  const messages = stanzaIds.length === 0 ? "" : ` (messages ${stanzaIds.join(", ")})`;
  return `${address.toString()} for ${reason}${text === "" ? "" : `: ${text}`}${messages}`;
}

function cut(text: string, characters: number): string {
  return text.length <= characters ? text : `${text.slice(0, characters)}...`;
}

/** How many reports of each account are put on record: nobody may fill the trail with them. */
export class ReportQuota {
  readonly #clock: Clock;
  readonly #perHour: number;
  readonly #taken = new Map<string, number>();
  #since: EpochMs;

  constructor(clock: Clock, perHour: number) {
    this.#clock = clock;
    this.#perHour = perHour;
    this.#since = clock.now();
  }

  /** False: the account has had its number for this hour. */
  take(owner: string): boolean {
    const now = this.#clock.now();
    if (now >= this.#since + HOUR_MS || now < this.#since) {
      this.#since = now;
      this.#taken.clear();
    }
    const taken = this.#taken.get(owner) ?? 0;
    if (taken >= this.#perHour) return false;
    this.#taken.set(owner, taken + 1);
    return true;
  }
}
