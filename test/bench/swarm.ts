// XMPP clients by the thousand that cost their process little: no XML is parsed, stanzas are counted by their first letters.

import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { DOMAIN, PASSWORD } from "./filling.ts";

const HEADER = `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${DOMAIN}' version='1.0'>`;
const LOGINS_AT_ONCE = 20;
const PATIENCE_MS = 60_000;

export type ClientOptions = {
  /** Left out: "r". */
  readonly resource?: string;
  /** False: it only binds. */
  readonly available?: boolean;
  readonly onMessage?: (client: Client) => void;
  readonly onPresence?: (count: number) => void;
};

export class Client {
  messages = 0;
  presences = 0;
  readonly user: string;
  readonly #socket: Socket;
  readonly #options: ClientOptions;
  #awaited: { readonly word: string; readonly resolve: (text: string) => void; text: string } | undefined;
  #tail = "";

  private constructor(user: string, socket: Socket, options: ClientOptions) {
    this.user = user;
    this.#socket = socket;
    this.#options = options;
    socket.setNoDelay(true);
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => this.#received(text));
  }

  /** Logs in with SCRAM-SHA-1, binds, asks for the roster and becomes available. */
  static async login(port: number, user: string, options: ClientOptions = {}): Promise<Client> {
    const socket = connect({ port, host: "127.0.0.1" });
    const client = new Client(user, socket, options);
    socket.on("error", (error) => console.error(`${user}: ${error.message}`));
    await client.ask(HEADER, "</stream:features>");
    await client.#authenticate();
    await client.ask(HEADER, "</stream:features>");
    const { resource = "r", available = true } = options;
    const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind>`;
    await client.ask(`<iq type='set' id='b'>${bind}</iq>`, "</iq>");
    const roster = "<iq type='get' id='ros'><query xmlns='jabber:iq:roster'/></iq><presence/>";
    await client.ping(available ? roster : "");
    return client;
  }

  async #authenticate(): Promise<void> {
    const bare = `n=${this.user},r=${randomBytes(12).toString("hex")}`;
    const auth = (text: string): string => Buffer.from(text).toString("base64");
    const ns = "urn:ietf:params:xml:ns:xmpp-sasl";
    const challenge = await this.ask(
      `<auth xmlns='${ns}' mechanism='SCRAM-SHA-1'>${auth(`n,,${bare}`)}</auth>`,
      "</challenge>",
    );
    const serverFirst = Buffer.from(/<challenge[^>]*>([^<]*)</.exec(challenge)?.[1] ?? "", "base64").toString();
    const [, nonce = "", salt = "", iterations = ""] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(serverFirst) ?? [];
    const clientKey = hmac(saltedPassword(salt, Number(iterations)), "Client Key");
    const withoutProof = `c=biws,r=${nonce}`;
    const storedKey = createHash("sha1").update(clientKey).digest();
    const signature = hmac(storedKey, `${bare},${serverFirst},${withoutProof}`);
    const proof = Buffer.from(clientKey.map((octet, n) => octet ^ (signature[n] as number)));
    const response = auth(`${withoutProof},p=${proof.toString("base64")}`);
    await this.ask(`<response xmlns='${ns}'>${response}</response>`, "</success>");
  }

  send(text: string): void {
    this.#socket.write(text);
  }

  /** Sends a text; resolves when the server has handled it and all before it. */
  async ping(before = ""): Promise<void> {
    const id = `p${randomBytes(6).toString("hex")}`;
    await this.ask(`${before}<iq type='get' id='${id}' to='${DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>`, `'${id}'`);
  }

  /** Everything that comes until the word does. */
  ask(text: string, word: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        reject(new Error(`${this.user} waits for ${word}: ${this.#awaited?.text.slice(-500)}`));
      }, PATIENCE_MS);
      const done = (received: string): void => {
        clearTimeout(late);
        resolve(received);
      };
      this.#awaited = { word, resolve: done, text: "" };
      this.send(text);
    });
  }

  #received(text: string): void {
    this.#count(text);
    const awaited = this.#awaited;
    if (awaited === undefined) return;
    awaited.text += text;
    if (!awaited.text.includes(awaited.word)) return;
    this.#awaited = undefined;
    awaited.resolve(awaited.text);
  }

  #count(received: string): void {
    const text = this.#tail + received;
    const { messages, presences } = this;
    this.messages += occurrences(text, "<message ");
    this.presences += occurrences(text, "<presence ");
    const last = text.slice(Math.max(0, text.length - "<presence".length));
    const cut = last.lastIndexOf("<");
    const rest = cut < 0 ? "" : last.slice(cut);
    this.#tail = rest.includes(" ") ? "" : rest;
    for (let n = messages; n < this.messages; n += 1) this.#options.onMessage?.(this);
    if (presences !== this.presences) this.#options.onPresence?.(this.presences - presences);
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Logs in many, some at a time. */
export async function loginAll(port: number, users: Iterable<string>, options: ClientOptions = {}): Promise<Client[]> {
  const clients: Client[] = [];
  const waiting = users[Symbol.iterator]();
  const one = async (): Promise<void> => {
    for (let next = waiting.next(); next.done !== true; next = waiting.next()) {
      clients.push(await Client.login(port, next.value, options));
    }
  };
  await Promise.all(Array.from({ length: LOGINS_AT_ONCE }, one));
  return clients;
}

export function occurrences(text: string, word: string): number {
  let count = 0;
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) count += 1;
  return count;
}

/** Resolves when a count that others raise has come so far. */
export class Tally {
  #count = 0;
  #awaited: { readonly count: number; readonly resolve: () => void } | undefined;

  add(count: number): void {
    this.#count += count;
    if (this.#awaited === undefined || this.#count < this.#awaited.count) return;
    const { resolve } = this.#awaited;
    this.#awaited = undefined;
    resolve();
  }

  /** Does something that makes `count` things come, and waits for them. */
  async after(count: number, act: () => void): Promise<void> {
    const until = this.#count + count;
    const come = new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${until - this.#count} of ${count} did not come`)), PATIENCE_MS);
      this.#awaited = {
        count: until,
        resolve: () => {
          clearTimeout(late);
          resolve();
        },
      };
    });
    act();
    await come;
  }
}

const salted = new Map<string, Buffer>();

function saltedPassword(salt: string, iterations: number): Buffer {
  const key = `${iterations} ${salt}`;
  const known = salted.get(key) ?? pbkdf2Sync(PASSWORD, Buffer.from(salt, "base64"), iterations, 20, "sha1");
  salted.set(key, known);
  return known;
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha1", key).update(text).digest();
}
