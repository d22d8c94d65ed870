// What a scene has: a server that runs, and clients, accounts, rooms and components of its own on it.

import assert from "node:assert/strict";
import type { RequestOptions } from "node:https";
import { connect as tcpConnect } from "node:net";
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from "node:tls";
import type { Element } from "ltx";
import type { Admin } from "../../server/admin.ts";
import { ScriptedClient } from "../support/client.ts";
import { ComponentScript } from "../support/component-script.ts";
import { connectFramed } from "../support/framed-socket.ts";
import { type HttpsAnswer, httpsGet } from "../support/https.ts";
import { difference, stanza } from "../support/stanza-match.ts";
import type { Need } from "./suite.ts";

const PASSWORD = "secret";
const INFO = "http://jabber.org/protocol/disco#info";
const ITEMS = "http://jabber.org/protocol/disco#items";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

/** A server on loopback. */
export type Target = {
  /** Name and version. */
  readonly software: string;
  readonly domain: string;
  readonly c2sPort: number;
  /** 0: none, as with the ports below. */
  readonly directTlsPort: number;
  readonly httpsPort: number;
  readonly component: { readonly port: number; readonly domain: string; readonly secret: string };
  /** The gateway's domain is example.net. */
  readonly admin?: Admin;
  addUser(name: string, password: string): Promise<void>;
};

export type Login = { readonly resource?: string; readonly over?: "starttls" | "direct" | "websocket" };

export class Stage {
  readonly target: Target;
  readonly #scene: string;
  readonly #accounts = new Set<string>();
  readonly #open: { end(): void }[] = [];

  /** @param scene part of the names of what the scene makes */
  constructor(target: Target, scene: string) {
    this.target = target;
    this.#scene = scene;
  }

  static has({ component, httpsPort, directTlsPort, admin }: Target, need: Need): boolean {
    switch (need) {
      case "component":
        return component.port !== 0;
      case "https":
        return httpsPort !== 0;
      case "direct TLS":
        return directTlsPort !== 0;
      case "administration":
        return admin !== undefined;
    }
  }

  get domain(): string {
    return this.target.domain;
  }

  get admin(): Admin {
    assert(this.target.admin);
    return this.target.admin;
  }

  /** Ends what the scene left open. */
  end(): void {
    for (const each of this.#open.splice(0)) each.end();
  }

  // ---- accounts and clients

  /** The scene's own account of this name. Its localpart. */
  async account(name: string): Promise<string> {
    const localpart = `${name}-${this.#scene}`;
    if (!this.#accounts.has(localpart)) await this.target.addUser(localpart, PASSWORD);
    this.#accounts.add(localpart);
    return localpart;
  }

  /** A connection on which nothing was said yet. */
  async connect(over: Login["over"] = "starttls"): Promise<ScriptedClient> {
    const { c2sPort, directTlsPort, httpsPort } = this.target;
    const client =
      over === "websocket"
        ? await ScriptedClient.connect(0, this.domain, false, () => connectFramed(httpsPort, true))
        : await ScriptedClient.connect(over === "direct" ? directTlsPort : c2sPort, this.domain, over === "direct");
    this.#open.push({ end: () => client.cut() });
    return client;
  }

  /** Logged in with no resource bound, and the features that come then. */
  async authenticated(name: string, over: Login["over"] = "starttls"): Promise<[ScriptedClient, features: Element]> {
    const user = await this.account(name);
    const client = await this.connect(over);
    await client.open();
    if (over === "starttls") await client.startTls();
    return [client, await client.authenticate(user, PASSWORD)];
  }

  async client(name: string, { resource, over }: Login = {}): Promise<ScriptedClient> {
    const [client] = await this.authenticated(name, over);
    await client.bind(resource);
    return client;
  }

  /** With its roster and presence, which is read back: what RFC 6121 calls interested and available. */
  async online(name: string, login: Login = {}): Promise<ScriptedClient> {
    const client = await this.client(name, login);
    await ask(client, "get", "<query xmlns='jabber:iq:roster'/>");
    client.send("<presence/>");
    await client.until(`<presence from='${client.full}'/>`);
    return client;
  }

  // ---- other ways in

  /** A TLS handshake on the port for direct TLS, or after STARTTLS, by the client's terms. */
  async tls(over: "starttls" | "direct", terms: ConnectionOptions): Promise<TLSSocket> {
    const options = { rejectUnauthorized: false, servername: this.domain, ...terms };
    const port = over === "direct" ? this.target.directTlsPort : this.target.c2sPort;
    const plain = tcpConnect({ port, host: "127.0.0.1" });
    this.#open.push({ end: () => plain.destroy() });
    if (over === "starttls") {
      const head = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'";
      plain.write(`${head} to='${this.domain}' version='1.0'>`);
      await heard(plain, "</stream:features>");
      plain.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
      await heard(plain, "<proceed");
      plain.removeAllListeners();
    }
    const socket = tlsConnect({ socket: plain, ...options });
    await new Promise<void>((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
      plain.once("close", () => reject(new Error("the connection ended in the TLS handshake")));
    });
    return socket;
  }

  /** A request to an address that the server names, wherever its names lead: the server is on loopback. */
  https(url: string, options: RequestOptions = {}, body?: string): Promise<HttpsAnswer> {
    const there = new URL(url);
    const { host } = there;
    there.hostname = "127.0.0.1";
    const headers = { host, ...(options.headers as Record<string, string> | undefined) };
    return httpsGet(there.href, { servername: this.domain, ...options, headers }, body);
  }

  async component(): Promise<ComponentScript> {
    const { port, domain, secret } = this.target.component;
    const component = await ComponentScript.dial(port, domain, this.domain);
    this.#open.push({ end: () => component.destroy() });
    return component.login(secret);
  }

  /** The service among the server's items that has this identity, as a client finds it. */
  async service(client: ScriptedClient, category: string, type: string): Promise<string> {
    const items = await ask(client, "get", `<query xmlns='${ITEMS}'/>`, this.domain);
    for (const item of items.getChild("query", ITEMS)?.getChildren("item") ?? []) {
      const info = await client.ask("get", `<query xmlns='${INFO}'/>`, item.attrs.jid);
      const identities = info.getChild("query", INFO)?.getChildren("identity") ?? [];
      const isIt = identities.some(({ attrs }) => attrs.category === category && attrs.type === type);
      if (isIt) return item.attrs.jid as string;
    }
    throw new Error(`no item of ${this.domain} is ${category}/${type}`);
  }

  /** The address of a room that is not there yet. */
  async room(client: ScriptedClient): Promise<string> {
    return `coven-${this.#scene}@${await this.service(client, "conference", "text")}`;
  }
}

async function heard(socket: NodeJS.ReadableStream, word: string): Promise<void> {
  let text = "";
  await new Promise<void>((resolve, reject) => {
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes(word)) resolve();
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`the connection ended before ${word}`)));
  });
}

// ---- what scenes do all the time

/** The result of a request; an error is thrown with its condition. */
export async function ask(client: ScriptedClient, type: "get" | "set", payload: string, to?: string): Promise<Element> {
  const answer = await client.ask(type, payload, to);
  if (answer.attrs.type !== "result") throw new Error(`${payload.slice(0, 80)}: ${answer.getChild("error")}`);
  return answer;
}

/** The request is refused with this condition. */
export async function refused(
  client: ScriptedClient,
  condition: string,
  type: "get" | "set",
  payload: string,
  to?: string,
): Promise<void> {
  const answer = await client.ask(type, payload, to);
  const wrong = answer.getChild("error")?.getChild(condition, STANZAS) === undefined;
  if (wrong) throw new Error(`${payload.slice(0, 80)}: expected ${condition}, got ${answer}`);
}

/** What an entity says of itself. */
export async function info(client: ScriptedClient, to: string, node?: string): Promise<Element> {
  const answer = await ask(client, "get", `<query xmlns='${INFO}'${node === undefined ? "" : ` node='${node}'`}/>`, to);
  const query = answer.getChild("query", INFO);
  assert(query, "no information");
  return query;
}

export async function announces(client: ScriptedClient, to: string, ...features: string[]): Promise<void> {
  const vars = (await info(client, to)).getChildren("feature").map(({ attrs }) => attrs.var);
  for (const feature of features) assert(vars.includes(feature), `${to} does not announce ${feature}`);
}

/** Skips until each of these has come, in any order. */
export async function untilAll(client: ScriptedClient, ...templates: string[]): Promise<void> {
  const left = templates.map(stanza);
  while (left.length > 0) {
    const came = await client.next(String(left[0]));
    const index = left.findIndex((template) => difference(template, came) === undefined);
    if (index >= 0) left.splice(index, 1);
  }
}

export function chat(to: string, body: string, inner = ""): string {
  return `<message to='${to}' type='chat' id='${body.replaceAll(/\W/g, "-")}'><body>${body}</body>${inner}</message>`;
}
