// A server of its real parts, but for the network: its streams stand on transports that count, and its clients are texts.

import { connect, type Socket } from "node:net";
import { Element } from "ltx";
import { ClientToServer } from "../../../server/c2s.ts";
import { type Composition, compose } from "../../../server/compose.ts";
import { type ConfigInput, parseConfig } from "../../../server/config.ts";
import type { ChannelBindings } from "../../../server/sasl/mechanism.ts";
import type { Session } from "../../../server/session/session.ts";
import type { Transport, TransportEvents } from "../../../server/transport/transport.ts";
import { createMemoryStore } from "../../../storage/memory.ts";
import type { Store } from "../../../storage/store.ts";

const PREAMBLE =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.com' version='1.0'>";
const STANZA = /^<(?:message|presence|iq)[ >]/;
const ACK_AFTER = 5;
const NOTHING: TransportEvents = { data() {}, alive() {}, overlong() {}, taken() {}, ended() {}, closed() {} };

/** Takes everything at once. */
class CountingTransport implements Transport {
  readonly secure = true; // so that PLAIN is offered
  readonly address = "127.0.0.1";
  events = NOTHING;
  messageBytes = 0;
  sent = 0;
  sends = 0;
  last = "";
  /** Stream management is on; `stanzas` have come since. */
  managed = false;
  stanzas = 0;
  onSend: ((text: string) => void) | undefined;
  readonly #connection: Transport;

  constructor(connection: Transport) {
    this.#connection = connection;
  }

  get taken(): number {
    return this.sent;
  }

  send(text: string): void {
    this.sent += text.length;
    this.sends += 1;
    this.last = text;
    if (text.startsWith("<enabled")) this.managed = true;
    else if (this.managed && STANZA.test(text)) this.stanzas += 1;
    this.onSend?.(text);
  }

  async drained(): Promise<void> {}
  pause(): void {}
  resume(): void {}

  end(): void {
    this.destroy();
  }

  destroy(): void {
    this.#connection.destroy();
    queueMicrotask(() => this.events.closed());
  }

  startTls(): void {}

  channelBindings(): ChannelBindings {
    return new Map();
  }
}

export class BenchClient {
  readonly transport: CountingTransport;
  #session: Session | undefined;
  #acknowledged = 0;

  constructor(transport: CountingTransport) {
    this.transport = transport;
  }

  get session(): Session {
    if (this.#session === undefined) throw new Error("no resource is bound");
    return this.#session;
  }

  set session(session: Session) {
    this.#session = session;
  }

  /** As it would come from the network. */
  says(text: string): void {
    this.transport.events.data(Buffer.from(text));
  }

  /** Resolves when something with this in it is sent to the client, or was last. */
  async told(text: string): Promise<void> {
    const { transport } = this;
    if (transport.last.includes(text)) return;
    await new Promise<void>((resolve) => {
      transport.onSend = (sent) => {
        if (sent.includes(text)) resolve();
      };
    });
    transport.onSend = undefined;
  }

  /** The connection has taken what was sent, and the client acknowledges it now and then. */
  flush(): void {
    const { transport } = this;
    transport.events.taken();
    if (transport.stanzas - this.#acknowledged < ACK_AFTER) return;
    this.#acknowledged = transport.stanzas;
    this.session.acknowledged(new Element("a", { xmlns: "urn:xmpp:sm:3", h: String(transport.stanzas) }));
  }

  receive(element: Element): void | Promise<void> {
    return this.session.receive(element);
  }
}

export class BenchStage {
  readonly store: Store;
  readonly parts: Composition;
  readonly #c2s: ClientToServer;
  readonly #sockets: Socket[] = [];
  #next: ((transport: CountingTransport) => void) | undefined;
  #bound: ((session: Session) => void) | undefined;

  static async open(config: ConfigInput = {}, store: Store = createMemoryStore()): Promise<BenchStage> {
    const parsed = parseConfig({
      domain: "example.com",
      storage: { path: ":memory:" },
      c2s: { addresses: ["127.0.0.1"], port: 0, directTlsPort: null },
      http: { port: null },
      auth: { throttle: false },
      archive: { enabled: false },
      limits: { connectionsPerAddress: 10_000, idleTimeoutSeconds: 0, bytesPerSecond: 0 },
      ...config,
    });
    let stage: BenchStage | undefined;
    const parts = await compose(parsed, {
      store,
      authenticator: { exists: () => true, verifyPlain: async () => "right" },
      probes: {
        offerTls: false,
        commits: { committing() {}, committed() {} },
        transport: (connection) => (stage as BenchStage).#counting(connection),
      },
    });
    const c2s = new ClientToServer(parsed, parts, {
      bound: (session) => (stage as BenchStage).#bound?.(session),
      ended() {},
    });
    stage = new BenchStage(store, parts, c2s);
    await c2s.start();
    return stage;
  }

  private constructor(store: Store, parts: Composition, c2s: ClientToServer) {
    this.store = store;
    this.parts = parts;
    this.#c2s = c2s;
  }

  // Only the first octets go by the network: with them the server makes a stream.
  #counting(connection: Transport): Transport {
    const transport = new CountingTransport(connection);
    this.#next?.(transport);
    return transport;
  }

  /** Two contacts who see each other's presence. */
  async befriend(one: string, other: string): Promise<void> {
    for (const [owner, contact] of [
      [one, other],
      [other, one],
    ] as const) {
      const item = { contact: `${contact}@example.com`, inRoster: true, name: contact, groups: ["Friends"] };
      await this.store.roster.update(`${owner}@example.com`, item.contact, () => ({
        ...item,
        state: "both",
        approved: false,
        pendingSubscribe: "",
      }));
    }
  }

  /** A client that is bound, asked for its roster and is available. */
  async client(user: string, resource = "phone", before = ""): Promise<BenchClient> {
    const made = new Promise<CountingTransport>((resolve) => {
      this.#next = resolve;
    });
    const socket = connect(this.#c2s.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(" ");
    this.#sockets.push(socket);
    const client = new BenchClient(await made);
    client.says(PREAMBLE);
    await client.told("</stream:features>");
    const token = Buffer.from(`\0${user}\0secret`).toString("base64");
    client.says(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${token}</auth>`);
    await client.told("<success");
    client.says(PREAMBLE);
    await client.told("</stream:features>");
    const bound = new Promise<Session>((resolve) => {
      this.#bound = resolve;
    });
    client.says(
      `<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`,
    );
    client.session = await bound;
    const ping = "<iq type='get' id='ready' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>";
    client.says(`${before}<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq><presence/>${ping}`);
    await client.told("'ready'");
    client.flush();
    return client;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await this.#c2s.stop();
    await this.parts.close();
  }
}
