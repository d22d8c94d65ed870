// A soak in words: its sums, and what is wrong with the history of each message that it is wrong about.

import type { Verdict } from "./judge.ts";
import { KINDS } from "./message.ts";
import type { Counters } from "./world.ts";

const SHOWN = 20;

/** @returns lines; the last one is the summary */
export function report({ violations, sums }: Verdict, counters: Counters, about: { seed: number; seconds: number }) {
  const lines: string[] = [];
  const total = { written: 0, accepted: 0, refused: 0, unknown: 0 };
  lines.push("kind           written  accepted   refused   unknown");
  for (const kind of KINDS) {
    const { written, accepted, refused, unknown } = sums.byKind[kind];
    lines.push(row(kind, [written, accepted, refused, unknown]));
    total.written += written;
    total.accepted += accepted;
    total.refused += refused;
    total.unknown += unknown;
  }
  lines.push(row("all", [total.written, total.accepted, total.refused, total.unknown]));
  lines.push(
    `arrived: ${sums.direct} direct, ${sums.copies} copies, ${sums.delayed} late, ${sums.fromArchives} from archives; ${sums.live} were due on a stream that was there all the while`,
    `archived: ${sums.archived} rows; events at the foreign side: ${sums.events}`,
    `repeated after an unconfirmed receipt: ${sums.repeated}; as a copy and then from the offline store: ${sums.copiedAndStored}; refusals whose session ended first: ${sums.refusalsUnseen}`,
    `server: ${counters.kills} kills, ${counters.stops} stops; logins: ${counters.logins}, sessions: ${counters.sessions}, of them ${counters.cleanEnds} ended by the client and ${counters.forgotten} forgotten`,
    `connections harmed: ${
      Object.entries(counters.harm)
        .map(([how, count]) => `${count} ${how}`)
        .join(", ") || "none"
    }, ${counters.torn} torn in a stanza`,
    `resumptions: ${counters.resumed} ok, ${counters.resumptionsFailed} failed`,
  );
  for (const { what, id, history } of violations.slice(0, SHOWN)) {
    lines.push(`VIOLATION ${id ?? ""} ${what}`, ...history.map((step) => `    ${step}`));
  }
  if (violations.length > SHOWN) lines.push(`... and ${violations.length - SHOWN} more`);
  const disconnects = Object.values(counters.harm).reduce((sum, count) => sum + count, counters.torn);
  lines.push(
    `soak: seed ${about.seed}, ${about.seconds} s, ${counters.kills + counters.stops} kills, ${disconnects} broken connections, ${total.accepted} accepted, ${total.refused} refused, ${total.unknown} unknown, ${sums.repeated} repeated, ${violations.length} violations`,
  );
  return lines;
}

function row(name: string, numbers: readonly number[]): string {
  return name.padEnd(12) + numbers.map((number) => String(number).padStart(10)).join("");
}
