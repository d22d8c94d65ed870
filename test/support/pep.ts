// Clients of publish-subscribe nodes: what they ask, and what they say they want to be notified of (XEP-0115).

import { randomBytes } from "node:crypto";
import { type Element, parse } from "ltx";
import { verificationString } from "../../server/presence/caps-hash.ts";
import type { ScriptedClient } from "./client.ts";

export const PUBSUB = "http://jabber.org/protocol/pubsub";
export const OWNER = `${PUBSUB}#owner`;
export const EVENT = `${PUBSUB}#event`;
export const ERRORS = `${PUBSUB}#errors`;
export const TUNE = "http://jabber.org/protocol/tune";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const INFO = "http://jabber.org/protocol/disco#info";
const CAPS = "http://jabber.org/protocol/caps";
const NODE = "https://client.example";

export type Caps = { readonly ver: string; readonly info: string };

/** Capabilities of a client, different for each call, with NODE+notify for each node. */
export function capsWith(...nodes: string[]): Caps {
  const features = [INFO, CAPS, ...nodes.map((node) => `${node}+notify`)];
  const name = `Test ${randomBytes(6).toString("hex")}`;
  const info =
    `<identity category='client' type='pc' name='${name}'/>` +
    features.map((feature) => `<feature var='${feature}'/>`).join("");
  const query = parse(`<query xmlns='${INFO}'>${info}</query>`) as Element;
  return { ver: verificationString(query, "sha-1") as string, info };
}

export function presenceWith({ ver }: Caps, attrs = ""): string {
  return `<presence ${attrs}><c xmlns='${CAPS}' hash='sha-1' node='${NODE}' ver='${ver}'/></presence>`;
}

/** The server asks what a hash stands for, and is told. */
export async function answerCaps(client: ScriptedClient, { ver, info }: Caps): Promise<void> {
  const asked = await client.until(
    `<iq type='get' from='${client.domain}'><query xmlns='${INFO}' node='${NODE}#${ver}'/></iq>`,
  );
  client.send(
    `<iq type='result' id='${asked.attrs.id}' to='${client.domain}'><query xmlns='${INFO}' node='${NODE}#${ver}'>${info}</query></iq>`,
  );
}

/** The client is available, and wants notifications of these nodes. Returns what came of that, other presence left out. */
export async function wants(client: ScriptedClient, ...nodes: string[]): Promise<Element[]> {
  const caps = capsWith(...nodes);
  client.send(presenceWith(caps));
  await answerCaps(client, caps);
  return messagesUntilNow(client);
}

/** What was sent to the client because of anything that was handled up to now. */
export async function messagesUntilNow(client: ScriptedClient): Promise<Element[]> {
  // The first answer may overtake what is looked up in the store; the second cannot.
  const came = [...(await client.untilNow()), ...(await client.untilNow())];
  return came.filter(({ name }) => name === "message");
}

export function publishing(
  node: string,
  item: string,
  options: Record<string, string> | undefined = undefined,
): string {
  return `<pubsub xmlns='${PUBSUB}'><publish node='${node}'>${item}</publish>${publishOptions(options)}</pubsub>`;
}

function publishOptions(options: Record<string, string> | undefined): string {
  if (options === undefined) return "";
  return `<publish-options>${form(`${PUBSUB}#publish-options`, options)}</publish-options>`;
}

/** A submitted form; several values of a field are separated by line breaks. */
export function form(type: string, fields: Record<string, string>): string {
  const all = { FORM_TYPE: type, ...Object.fromEntries(Object.entries(fields).map(([k, v]) => [`pubsub#${k}`, v])) };
  const written = Object.entries(all).map(
    ([name, value]) =>
      `<field var='${name}'>${value
        .split("\n")
        .map((one) => `<value>${one}</value>`)
        .join("")}</field>`,
  );
  return `<x xmlns='jabber:x:data' type='submit'>${written.join("")}</x>`;
}

export function configuring(node: string, fields: Record<string, string>): string {
  return `<pubsub xmlns='${OWNER}'><configure node='${node}'>${form(`${PUBSUB}#node_config`, fields)}</configure></pubsub>`;
}

export function items(node: string, content = "", attrs = ""): string {
  return `<pubsub xmlns='${PUBSUB}'><items node='${node}' ${attrs}>${content}</items></pubsub>`;
}

/** The ids of the items in an answer or an event, in order. */
export function idsIn(stanza: Element): string[] {
  const parent = stanza.getChild("pubsub") ?? stanza.getChild("event");
  return (parent?.getChild("items")?.getChildren("item") ?? []).map(({ attrs }) => attrs.id as string);
}

export const tune = (title: string): string => `<tune xmlns='${TUNE}'><title>${title}</title></tune>`;

/** A template of an error, with a condition of publish-subscribe beside it. */
export function refusal(condition: string, type: string, detail = ""): string {
  return `<iq type='error'><error type='${type}'><${condition} xmlns='${STANZAS}'/>${detail}</error></iq>`;
}

export function detail(name: string, attrs = ""): string {
  return `<${name} xmlns='${ERRORS}' ${attrs}/>`;
}
