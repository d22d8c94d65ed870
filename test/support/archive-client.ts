// What tests of archives have in common: messages to begin with, and queries with their answers (XEP-0313 1.1.3).

import type { Element } from "ltx";
import { attr, child, childrenOf, textOf } from "../../server/stanza.ts";
import type { ArchivedMessage } from "../../storage/store.ts";
import type { ScriptedClient } from "./client.ts";

export const MAM = "urn:xmpp:mam:2";
export const RSM = "http://jabber.org/protocol/rsm";
const FORWARD = "urn:xmpp:forward:0";

/** An archived chat message from `from` to `to`; the one that is not the owner is whom it is with. */
export function chat(
  owner: string,
  message: {
    readonly id: string;
    readonly at: number;
    readonly from: string;
    readonly to: string;
    readonly body?: string;
  },
): ArchivedMessage {
  const { id, at, from, to, body = `body of ${id}` } = message;
  const other = (from.split("/")[0] === owner ? to : from).split("/")[0] as string;
  const xml = `<message xmlns='jabber:client' from='${from}' to='${to}' type='chat' id='s-${id}'><body>${body}</body></message>`;
  return { owner, id, with: other, at, xml };
}

/** A submitted form; a list is a field of several values. */
export function form(fields: Readonly<Record<string, string | readonly string[]>>): string {
  const list = Object.entries({ FORM_TYPE: MAM, ...fields }).map(([name, values]) => {
    const all = [values].flat().map((value) => `<value>${value}</value>`);
    return `<field var='${name}'${name === "FORM_TYPE" ? " type='hidden'" : ""}>${all.join("")}</field>`;
  });
  return `<x xmlns='jabber:x:data' type='submit'>${list.join("")}</x>`;
}

export function set(content: string): string {
  return `<set xmlns='${RSM}'>${content}</set>`;
}

export type Result = {
  readonly id: string;
  readonly stamp: string;
  /** The stanza that came, and the one that was archived. */
  readonly outer: Element;
  readonly inner: Element;
};

export type Answer = {
  /** In the order in which they came. */
  readonly results: readonly Result[];
  readonly ids: string;
  readonly complete: boolean;
  readonly first: string | undefined;
  readonly last: string | undefined;
  readonly index: number | undefined;
  readonly count: number | undefined;
};

let queries = 0;

/**
 * Asks and reads the answer; whatever else comes meanwhile fails the test.
 * @param content of <query/>
 */
export async function query(client: ScriptedClient, content = ""): Promise<Answer> {
  const asked = askQuery(client, content);
  return readAnswer(client, asked);
}

export type Asked = { readonly id: string; readonly queryid: string };

export function askQuery(client: ScriptedClient, content = ""): Asked {
  queries += 1;
  const asked = { id: `iq-${queries}`, queryid: `q-${queries}` };
  client.send(
    `<iq type='set' id='${asked.id}'><query xmlns='${MAM}' queryid='${asked.queryid}'>${content}</query></iq>`,
  );
  return asked;
}

export async function readAnswer(client: ScriptedClient, { id, queryid }: Asked): Promise<Answer> {
  const results: Result[] = [];
  for (;;) {
    const stanza = await client.next("the answer to a query");
    if (stanza.name === "message") {
      results.push(readResult(client, stanza, queryid));
      continue;
    }
    if (attr(stanza, "id") !== id || attr(stanza, "type") !== "result") throw new Error(`no result: ${stanza}`);
    const fin = one(stanza, "fin", MAM);
    const answered = one(fin, "set", RSM);
    const text = (name: string): string | undefined => {
      const found = child(answered, name, RSM);
      return found && textOf(found);
    };
    const number = (value: string | undefined): number | undefined => (value === undefined ? undefined : Number(value));
    const first = child(answered, "first", RSM);
    return {
      results,
      ids: results.map((result) => result.id).join(" "),
      complete: attr(fin, "complete") === "true",
      first: text("first"),
      last: text("last"),
      index: number(first && attr(first, "index")),
      count: number(text("count")),
    };
  }
}

// Section 4.2: result, forwarded, and in it the delay and the stanza.
function readResult(client: ScriptedClient, outer: Element, queryid: string): Result {
  if (attr(outer, "from") !== client.bare || attr(outer, "to") !== client.full) {
    throw new Error(`a result from ${attr(outer, "from")} to ${attr(outer, "to")}`);
  }
  const result = one(outer, "result", MAM);
  if (attr(result, "queryid") !== queryid) throw new Error(`a result of the query ${attr(result, "queryid")}`);
  const forwarded = one(result, "forwarded", FORWARD);
  const delay = one(forwarded, "delay", "urn:xmpp:delay");
  const inner = one(forwarded, "message", "jabber:client");
  return { id: attr(result, "id") as string, stamp: attr(delay, "stamp") as string, outer, inner };
}

function one(parent: Element, name: string, ns: string): Element {
  const [found, ...others] = childrenOf(parent, name, ns);
  if (found === undefined || others.length > 0) throw new Error(`not one <${name}> of ${ns} in ${parent}`);
  return found;
}

/** The condition of the error that answers a query; a result, or one message before the error, fails the test. */
export async function refusal(client: ScriptedClient, content: string, attributes = ""): Promise<string> {
  queries += 1;
  client.send(`<iq type='set' id='iq-${queries}'><query xmlns='${MAM}' ${attributes}>${content}</query></iq>`);
  const answer = await client.expect(`<iq type='error' id='iq-${queries}'/>`);
  return conditionOf(answer);
}

/** "type/condition" of an error stanza. */
export function conditionOf(stanza: Element): string {
  const error = one(stanza, "error", "jabber:client");
  const [condition] = error.children as Element[];
  return `${attr(error, "type")}/${condition?.name}`;
}
