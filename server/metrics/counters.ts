// What a server counts as it goes: plain numbers that its parts add to, and that only a scrape of /metrics reads. Nothing
// here allocates where a stanza passes.

import { STANZA_CONDITIONS, STREAM_CONDITIONS, type StanzaCondition } from "../errors.ts";

export type StanzaCounts = { message: number; presence: number; iq: number };

export class Counters {
  /** From clients with a bound resource. */
  readonly received: StanzaCounts = { message: 0, presence: 0, iq: 0 };
  readonly sent: StanzaCounts = { message: 0, presence: 0, iq: 0 };
  /** Refusals told to clients. */
  readonly stanzaErrors = zeros(Object.keys(STANZA_CONDITIONS) as StanzaCondition[]);
  /** Streams that the server ended with an error. */
  readonly streamErrors = zeros(STREAM_CONDITIONS);
  /** By mechanism, then "success" or the SASL condition; both are of a closed set. */
  readonly logins = new Map<string, Map<string, number>>();
  /** `refused`: the recipient's store was full. */
  readonly offline = { stored: 0, refused: 0, delivered: 0 };
  /** Sessions that clients came back to (XEP-0198), that they came too late for, and whose time was over. */
  readonly resumptions = { resumed: 0, refused: 0, expired: 0 };
  /** Responses on the HTTP listener, by the first digit of their status; [0] is not used. */
  readonly httpResponses = [0, 0, 0, 0, 0, 0];

  /** @param name of a stanza; anything else is not counted */
  stanzaReceived(name: string): void {
    if (name === "message") this.received.message += 1;
    else if (name === "presence") this.received.presence += 1;
    else if (name === "iq") this.received.iq += 1;
  }

  /** @param xml of one element; the letter behind "<" tells stanzas apart, and from all else that streams carry */
  stanzaSent(xml: string): void {
    switch (xml.charCodeAt(1)) {
      case 0x6d: // m
        this.sent.message += 1;
        break;
      case 0x70: // p
        this.sent.presence += 1;
        break;
      case 0x69: // i
        this.sent.iq += 1;
        break;
    }
  }

  login(mechanism: string, outcome: string): void {
    let outcomes = this.logins.get(mechanism);
    if (outcomes === undefined) {
      outcomes = new Map();
      this.logins.set(mechanism, outcomes);
    }
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}
