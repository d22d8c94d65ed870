// What tests of rooms have in common (XEP-0045): ways in, forms, and what comes back.

import type { Element } from "ltx";
import { attr, child, childrenOf, textOf } from "../../server/stanza.ts";
import type { ScriptedClient } from "./client.ts";

export const MUC = "http://jabber.org/protocol/muc";
export const USER = `${MUC}#user`;
export const ADMIN = `${MUC}#admin`;
export const OWNER = `${MUC}#owner`;
export const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
export const ROOM = "coven@rooms.example.com";

export type JoinOptions = {
  readonly room?: string;
  readonly password?: string;
  readonly history?: string;
  readonly inner?: string;
};

/** Asks to come in, and reads nothing. */
export function askIn(
  client: ScriptedClient,
  nick: string,
  { room = ROOM, password, history = "", inner = "" }: JoinOptions = {},
): void {
  const secret = password === undefined ? "" : `<password>${password}</password>`;
  client.send(`<presence to='${room}/${nick}'>${inner}<x xmlns='${MUC}'>${secret}${history}</x></presence>`);
}

export type Arrival = {
  /** Presence of others, in order. */
  readonly others: readonly Element[];
  readonly self: Element;
  readonly history: readonly Element[];
  readonly subject: Element;
};

/** Comes in, and reads all that section 7.1 says will come. */
export async function join(client: ScriptedClient, nick: string, options: JoinOptions = {}): Promise<Arrival> {
  askIn(client, nick, options);
  return arrival(client);
}

/** Reads what comes of a join, in the order of section 7.1; anything out of place fails. */
export async function arrival(client: ScriptedClient): Promise<Arrival> {
  const others: Element[] = [];
  let self: Element | undefined;
  while (self === undefined) {
    const presence = await client.next("presence of the room");
    if (presence.name !== "presence" || attr(presence, "type") !== undefined)
      throw new Error(`no presence: ${presence}`);
    if (statuses(presence).includes(110)) self = presence;
    else others.push(presence);
  }
  const history: Element[] = [];
  for (;;) {
    const message = await client.next("history or the subject");
    if (message.name !== "message" || attr(message, "type") !== "groupchat") throw new Error(`no message: ${message}`);
    const isSubject = child(message, "subject") !== undefined && child(message, "body") === undefined;
    if (isSubject) return { others, self, history, subject: message };
    history.push(message);
  }
}

/** Makes a room with a configuration, and is in it. */
export async function make(
  client: ScriptedClient,
  nick: string,
  fields: Readonly<Record<string, string | readonly string[]>> = {},
  room = ROOM,
): Promise<Arrival> {
  const arrived = await join(client, nick, { room });
  const answer = await configure(client, fields, room);
  if (attr(answer, "type") !== "result") throw new Error(`not configured: ${answer}`);
  return arrived;
}

export function configure(
  client: ScriptedClient,
  fields: Readonly<Record<string, string | readonly string[]>> = {},
  room = ROOM,
): Promise<Element> {
  return client.ask("set", `<query xmlns='${OWNER}'>${configForm(fields)}</query>`, room);
}

export function configForm(fields: Readonly<Record<string, string | readonly string[]>>): string {
  if (Object.keys(fields).length === 0) return "<x xmlns='jabber:x:data' type='submit'/>";
  const all = Object.entries({ FORM_TYPE: `${MUC}#roomconfig`, ...fields }).map(([name, values]) => {
    const long = name === "FORM_TYPE" || name.includes("#") || name.includes("{") ? name : `muc#roomconfig_${name}`;
    return `<field var='${long}'>${[values]
      .flat()
      .map((value) => `<value>${value}</value>`)
      .join("")}</field>`;
  });
  return `<x xmlns='jabber:x:data' type='submit'>${all.join("")}</x>`;
}

/** Changes a list by one item. */
export function admin(client: ScriptedClient, item: string, room = ROOM): Promise<Element> {
  return client.ask("set", `<query xmlns='${ADMIN}'>${item}</query>`, room);
}

export function statuses(stanza: Element): number[] {
  const x = child(stanza, "x", USER);
  return x === undefined ? [] : childrenOf(x, "status", USER).map((status) => Number(attr(status, "code")));
}

export function itemOf(stanza: Element): Record<string, string> {
  const x = child(stanza, "x", USER);
  const item = x && child(x, "item", USER);
  return { ...(item?.attrs as Record<string, string> | undefined) };
}

export function nickOf(stanza: Element): string {
  return (attr(stanza, "from") ?? "").split("/").slice(1).join("/");
}

export function bodyOf(stanza: Element): string {
  const body = child(stanza, "body");
  return body === undefined ? "" : textOf(body);
}

export function say(client: ScriptedClient, body: string, room = ROOM, inner = ""): void {
  client.send(`<message to='${room}' type='groupchat' id='${body}'><body>${body}</body>${inner}</message>`);
}

/** The error's condition; "" if it is none. */
export function conditionOf(stanza: Element): string {
  const error = child(stanza, "error");
  const named = error?.children.find((node) => typeof node !== "string" && attr(node as Element, "xmlns") === STANZAS);
  return named === undefined ? "" : (named as Element).name;
}
