// A client that is texts on a socket. It makes no promise and no timer for what comes, so that those that are counted
// meanwhile are the server's.

import { connect, type Socket } from "node:net";
import { cleanUp } from "../support/server.ts";

const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.com' version='1.0'>";

export type BareOptions = {
  readonly resource?: string;
  /** Said when the resource is bound, before its presence. */
  readonly before?: string;
};

export class BareClient {
  /** All that came. */
  received = "";
  /** The port at the client's end, by which the server's end is known. */
  readonly port: number;
  readonly #socket: Socket;
  #waiting: { readonly needle: string; readonly count: number; readonly from: number; resolve(): void } | undefined;

  /** Logs in with PLAIN, on a stream without TLS, asks for the roster and is available. */
  static async online(server: number, user: string, { resource = "phone", before = "" }: BareOptions = {}) {
    const socket = connect(server, "127.0.0.1");
    socket.setNoDelay(true);
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    const client = new BareClient(socket);
    cleanUp(async () => void socket.destroy());
    const token = Buffer.from(`\0${user}\0secret`).toString("base64");
    await client.ask(HEADER, "</stream:features>");
    await client.ask(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${token}</auth>`, "<success");
    await client.ask(HEADER, "</stream:features>");
    const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind>`;
    await client.ask(`<iq type='set' id='bind'>${bind}</iq>`, "</iq>");
    client.say(`<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>${before}<presence/>`);
    await client.sync();
    return client;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.port = socket.localPort as number;
    socket.on("data", (chunk) => {
      this.received += chunk.toString("utf8");
      this.#look();
    });
  }

  say(text: string): void {
    this.#socket.write(text);
  }

  /** Resolves when so many of `needle` have come from now on. */
  expect(needle: string, count = 1): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = { needle, count, from: this.received.length, resolve };
    });
  }

  async ask(text: string, answer: string): Promise<void> {
    const answered = this.expect(answer);
    this.say(text);
    await answered;
  }

  #look(): void {
    const { needle = "", count = 0, from = 0, resolve } = this.#waiting ?? {};
    if (resolve === undefined || this.received.slice(from).split(needle).length - 1 < count) return;
    this.#waiting = undefined;
    resolve();
  }

  /** What was sent to the client so far has come. */
  sync(): Promise<void> {
    return this.ask("<iq type='get' id='sync' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>", "id='sync'");
  }
}
