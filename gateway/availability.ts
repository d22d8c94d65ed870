// How available somebody is, in the words of both sides: show and priority (RFC 6121 section 4.7.2), im:im and contact
// priority (RFC 3863), activities (RFC 4480). RFC 3922 sections 5.1.5, 5.1.7, 5.2.10, 5.2.13; JC-28, JC-31, JC-52.

import type { Element } from "ltx";
import { child, textOf } from "../server/stanza.ts";
import type { Tuple } from "./pidf.ts";

export type Show = "away" | "chat" | "dnd" | "xa";

const SHOWS: readonly string[] = ["away", "chat", "dnd", "xa"];
const IM_OF_SHOW: Readonly<Record<Show, string>> = { away: "away", chat: "chat", dnd: "busy", xa: "xa" };
const SHOW_OF_IM: ReadonlyMap<string, Show> = new Map([
  ["away", "away"],
  ["chat", "chat"],
  ["busy", "dnd"],
  ["dnd", "dnd"],
  ["xa", "xa"],
  ["extended-away", "xa"],
]);
const ACTIVITY_OF_SHOW: Readonly<Partial<Record<Show, string>>> = { away: "away", xa: "away", dnd: "busy" };
const SHOW_OF_ACTIVITY: ReadonlyMap<string, Show> = new Map([
  ["away", "away"],
  ["busy", "dnd"],
  ["meeting", "dnd"],
  ["appointment", "dnd"],
  ["on-the-phone", "dnd"],
  ["presentation", "dnd"],
  ["performance", "dnd"],
  ["sleeping", "xa"],
  ["travel", "xa"],
  ["vacation", "xa"],
  ["holiday", "xa"],
  ["permanent-absence", "xa"],
]);

function asShow(text: string | undefined): Show | undefined {
  return text !== undefined && SHOWS.includes(text) ? (text as Show) : undefined;
}

/** The show of a presence stanza, undefined where it has none or no such value. */
export function showOf(stanza: Element): Show | undefined {
  const element = child(stanza, "show");
  return element === undefined ? undefined : asShow(textOf(element));
}

/** The show that a tuple's own status says: jabber:client show before im:im. */
export function showOfTuple({ show, im }: Tuple): Show | undefined {
  return asShow(show) ?? (im === undefined ? undefined : SHOW_OF_IM.get(im));
}

/** The show of the first activity that is one. */
export function showOfActivities(activities: readonly string[]): Show | undefined {
  const known = activities.find((name) => SHOW_OF_ACTIVITY.has(name));
  return known === undefined ? undefined : SHOW_OF_ACTIVITY.get(known);
}

export function imOfShow(show: Show): string {
  return IM_OF_SHOW[show];
}

/** The activity that stands for a show; none for chat and no show. */
export function activityOfShow(show: Show | undefined): string | undefined {
  return show === undefined ? undefined : ACTIVITY_OF_SHOW[show];
}

/**
 * The contact priority, in thousandths, of a presence stanza; undefined where its priority is negative, absent or none.
 * Integers only: 0 is 0, 127 is 1000, and the values between are unique. Source: RFC 3922 section 5.1.7.
 */
export function priorityToPidf(stanza: Element): number | undefined {
  const element = child(stanza, "priority");
  const text = element === undefined ? "" : textOf(element).trim();
  if (!/^\+?\d{1,3}$/.test(text) || Number(text) > 127) return undefined;
  return Math.floor((Number(text) * 1000) / 127);
}

/** The XMPP priority of a contact priority in thousandths. Source: RFC 3922 section 5.2.13. */
export function priorityFromPidf(thousandths: number): number {
  return thousandths === 1000 ? 127 : Math.min(126, Math.ceil((thousandths * 127) / 1000));
}
