// A client that costs its process next to nothing: it logs in over TLS and looks for words in what comes.

import type { Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";

export const PASSWORD = "secret";
export const ACCOUNT = { one: "innocent1", other: "innocent2", flooder: "flooder", sink: "sink" } as const;
export const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>";

export function plainAuth(user: string, password: string): string {
  const message = Buffer.from(`\0${user}\0${password}`).toString("base64");
  return `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${message}</auth>`;
}

export class Puppet {
  jid = "";
  closed = false;
  readonly #socket: Socket;
  #listener: (text: string) => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#listener(chunk.toString()));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.closed = true;
    });
  }

  /** Over direct TLS, with a resource of the server's choice. */
  static async login(port: number, user: string): Promise<Puppet> {
    const socket = tlsConnect({ port, host: "127.0.0.1", rejectUnauthorized: false });
    await new Promise<void>((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
    });
    const puppet = new Puppet(socket);
    await puppet.#ask(HEADER, "</stream:features>");
    await puppet.#ask(plainAuth(user, PASSWORD), "<success");
    await puppet.#ask(HEADER, "</stream:features>");
    const bound = await puppet.#ask(
      "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
      "</iq>",
    );
    puppet.jid = /<jid>(.*?)<\/jid>/.exec(bound)?.[1] ?? "";
    return puppet;
  }

  send(text: string): void {
    this.#socket.write(text);
  }

  /** Resolves when the kernel has taken it, or the connection is gone. */
  sendAll(text: string): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.write(text, () => setImmediate(resolve));
    });
  }

  onData(listener: (text: string) => void): void {
    this.#listener = listener;
  }

  onClose(listener: () => void): void {
    this.#socket.once("close", listener);
  }

  pause(): void {
    this.#socket.pause();
  }

  /** Everything that came until the word did. */
  #ask(text: string, word: string): Promise<string> {
    let received = "";
    return new Promise((resolve, reject) => {
      this.#socket.once("close", () => reject(new Error(`closed, waiting for ${word}: ${received}`)));
      this.onData((more) => {
        received += more;
        if (received.includes(word)) resolve(received);
      });
      this.send(text);
    });
  }
}
