// One device of a user: what a correct client does, whatever happens to its connection. It resumes its session (XEP-0198
// section 5); where that cannot be it binds anew, reads the archive behind the last message that it knows (XEP-0313), and
// writes again what the server did not handle.

import type { Element } from "ltx";
import { NS } from "../../../server/namespaces.ts";
import { attr, child } from "../../../server/stanza.ts";
import type { Random } from "../../fuzz/random.ts";
import { CatchUp } from "./catch-up.ts";
import { Inbox } from "./inbox.ts";
import type { ArchiveRow, SessionRecord } from "./ledger.ts";
import { ManagedSession } from "./managed-session.ts";
import type { Message } from "./message.ts";
import { Mood } from "./mood.ts";
import { compose, type Written } from "./traffic.ts";
import { Wire, WireEnded } from "./wire.ts";
import type { World } from "./world.ts";

const TICK_MS = 50;
const SILENT_MS = 10_000;
const CLOSING_MS = 6_000;

export class Device {
  /** "user/resource" */
  readonly name: string;
  readonly #user: string;
  readonly #resource: string;
  readonly #world: World;
  readonly #random: Random;
  readonly #mood: Mood;
  readonly #inbox: Inbox;
  #session: ManagedSession | undefined;
  #catchUp: CatchUp | undefined;
  /** Of sessions that could not be resumed; older than whatever is written from now on. */
  #again: Written[] = [];
  #place = 0;
  #closing = false;

  constructor(world: World, name: string, random: Random, wanders: boolean) {
    this.name = name;
    this.#world = world;
    this.#random = random;
    [this.#user = "", this.#resource = ""] = name.split("/");
    this.#mood = new Mood(random, wanders, world.options);
    this.#inbox = new Inbox(world.ledger, name, world.options.domain);
  }

  async run(): Promise<void> {
    while (!this.#world.over) {
      await this.#visit().catch((error: Error) => {
        // A connection that breaks is what this is about.
        if (!(error instanceof WireEnded)) this.#wrong(error.stack ?? error.message);
      });
      await this.#world.pause(this.#mood.awayMs());
      if (this.#world.calm) await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** At home, available, nothing unacknowledged, and all is known that was there at that time. */
  isSettled(since: number): boolean {
    const session = this.#session;
    if (session?.wire === undefined || !this.#inbox.caughtUp || !this.#mood.takesMessages) return false;
    return this.#again.length === 0 && session.outbound.waiting.length === 0 && session.record.syncedAt > since;
  }

  describe(): string {
    const session = this.#session;
    return `${this.name}: ${session === undefined ? "no session" : `session ${session.record.number}, connected ${session.wire !== undefined}, ${session.outbound.waiting.length} unacknowledged, caught up ${this.#inbox.caughtUp}, synced ${session.record.syncedAt}`}`;
  }

  /** Looks once more behind what it knows. */
  lookAgain(): void {
    if (this.#session === undefined) return;
    this.#inbox.caughtUp = false;
    this.#catchUp?.read(this.#inbox.knownUpTo);
  }

  /** The whole archive, once all is quiet. */
  async readArchive(): Promise<readonly ArchiveRow[]> {
    const rows: ArchiveRow[] = [];
    const session = this.#session;
    if (session === undefined) throw new Error(`${this.name} is not there to read its archive`);
    this.#inbox.rows = rows;
    try {
      await new Promise<void>((done, fail) => {
        const failed = (answer: Element): void => fail(new Error(`no archive: ${answer.toString()}`));
        new CatchUp(session, { page() {}, done, failed }).read(undefined, 100);
        setTimeout(() => fail(new Error(`${this.name}: the archive was not read in time`)), 120_000).unref();
      });
    } finally {
      this.#inbox.rows = undefined;
    }
    return rows;
  }

  // ---- a connection

  async #visit(): Promise<void> {
    const { ports, options, counters } = this.#world;
    const direct = this.#random.chance(0.6);
    const port = direct ? ports.direct : ports.starttls;
    const wire = await Wire.open({ port, domain: options.domain, direct });
    try {
      await wire.login(this.#user, options.password);
      counters.logins += 1;
      if (this.#session !== undefined) await this.#resume(wire, this.#session);
      const session = this.#session ?? (await this.#bind(wire));
      await this.#stay(wire, session);
    } finally {
      this.#session?.detach();
      wire.cut();
      if (wire.problem !== undefined) this.#wrong(wire.problem);
    }
  }

  async #resume(wire: Wire, session: ManagedSession): Promise<void> {
    wire.write(`<resume xmlns='${NS.sm}' previd='${session.previd}' h='${session.handled}'/>`);
    const answer = await wire.next();
    const h = attr(answer, "h");
    if (answer.name === "resumed") {
      this.#world.counters.resumed += 1;
      session.resumed(Number(h), wire);
      for (const { message } of session.outbound.waiting) this.#noteAgain(message, session.record);
      return;
    }
    if (answer.name !== "failed" || child(answer, "item-not-found", NS.stanzas) === undefined) {
      this.#wrong(`<resume/> was answered with ${answer.toString()}`);
    }
    this.#world.counters.resumptionsFailed += 1;
    session.failed(h === undefined ? undefined : Number(h));
    this.#again = [
      ...session.outbound.waiting.flatMap(({ message, xml }) => (message === undefined ? [] : [{ message, xml }])),
      ...this.#again,
    ];
    this.#session = undefined;
  }

  async #bind(wire: Wire): Promise<ManagedSession> {
    const record = this.#world.ledger.session(this.name);
    this.#world.counters.sessions += 1;
    this.#inbox.caughtUp = false;
    wire.write(
      `<iq type='set' id='bind'><bind xmlns='${NS.bind}'><resource>${this.#resource}</resource></bind></iq><enable xmlns='${NS.sm}' resume='true'/>`,
    );
    let enabled: Element | undefined;
    while (enabled === undefined) {
      const element = await wire.next();
      if (element.name === "enabled") enabled = element;
      // Before it is managed it is there already: to who writes to its full JID.
      else if (element.name === "message") this.#inbox.take(element, { session: record, h: 0 });
      else if (attr(element, "id") !== "bind" || attr(element, "type") !== "result") {
        this.#wrong(`<bind/> or <enable/> was answered with ${element.toString()}`);
      }
    }
    const session = this.#begin(attr(enabled, "id") ?? "", record);
    session.attach(wire);
    this.#introduce(session, record);
    return session;
  }

  #begin(previd: string, record: SessionRecord): ManagedSession {
    const session: ManagedSession = new ManagedSession(previd, record, {
      stanza: (stanza, h) => this.#stanza(stanza, h, record),
      asked: () => {
        if (this.#mood.answers()) session.acknowledge();
      },
      wrong: (what) => this.#wrong(`session ${record.number}: ${what}`),
    });
    this.#session = session;
    this.#catchUp = new CatchUp(session, {
      page: (last) => {
        this.#inbox.knownUpTo = last;
      },
      done: () => {
        this.#inbox.caughtUp = true;
      },
      failed: (answer) => this.#wrong(`a query of the archive was answered with ${answer.toString()}`),
    });
    return session;
  }

  // What a client says of itself first, and what it left undone before.
  #introduce(session: ManagedSession, record: SessionRecord): void {
    const { ledger } = this.#world;
    session.ask("set", `<enable xmlns='${NS.carbons}'/>`, {
      covered: () => {
        record.copiesFrom = ledger.now();
      },
      answered: () => {},
    });
    session.ask("get", `<query xmlns='${NS.roster}'/>`, { answered: () => {} });
    session.send({ xml: this.#mood.presence(true) });
    for (const { message, xml } of this.#again.splice(0)) this.#write(session, message, xml);
    this.#catchUp?.read(this.#inbox.knownUpTo);
    session.request();
  }

  // ---- while it is there

  #stay(wire: Wire, session: ManagedSession): Promise<void> {
    this.#closing = false;
    const { ledger } = this.#world;
    this.#mood.arrive(ledger.now());
    let heard = ledger.now();
    const ticking = setInterval(() => {
      if (ledger.now() - heard > SILENT_MS) wire.cut();
      else this.#tick(wire, session);
    }, TICK_MS);
    return new Promise<void>((ended) => {
      const receive = (element: Element): void => {
        heard = ledger.now();
        session.receive(element);
      };
      wire.listen(receive, ended);
    }).finally(() => {
      clearInterval(ticking);
      if (this.#closing) this.#session = undefined;
    });
  }

  #tick(wire: Wire, session: ManagedSession): void {
    const now = this.#world.ledger.now();
    const mood = this.#mood;
    if (this.#world.over || (this.#closing && mood.due("close", now))) wire.cut();
    if (this.#closing || wire.ended) return;
    const { calm } = this.#world;
    if (mood.due("ping", now)) this.#ping(session, now);
    if (session.acknowledged !== session.handled && (calm || mood.due("acknowledge", now))) session.acknowledge();
    const presence = mood.changedPresence(now, calm);
    if (presence !== undefined) session.send({ xml: presence });
    if (calm) return;
    if (mood.leaving === undefined && mood.due("message", now)) this.#chat(session);
    if (mood.due("leave", now)) this.#leave(wire, session, now);
  }

  #ping(session: ManagedSession, at: number): void {
    if (this.#world.calm || this.#random.chance(0.7)) session.acknowledge();
    session.ask("get", `<ping xmlns='${NS.ping}'/>`, {
      to: this.#world.options.domain,
      answered: () => {
        session.record.syncedAt = Math.max(session.record.syncedAt, at);
      },
    });
    session.request();
  }

  #chat(session: ManagedSession): void {
    this.#place += 1;
    const { message, xml } = compose(this.#random, this.#world.options, this.name, this.#place);
    const tornAt = this.#random.chance(0.03) ? this.#random.below(Buffer.byteLength(xml)) : undefined;
    if (tornAt !== undefined) this.#world.counters.torn += 1;
    this.#write(session, message, xml, tornAt);
    if (this.#random.chance(0.3)) session.request();
  }

  #write(session: ManagedSession, message: Message, xml: string, tornAt?: number): void {
    const { ledger } = this.#world;
    const { record } = session;
    ledger.wrote(message, `in session ${record.number}${tornAt === undefined ? "" : `, ${tornAt} octets of it`}`);
    const covered = (): void => ledger.accepted(message.id, `in session ${record.number}`, record);
    session.send({ xml, message, covered }, tornAt);
  }

  #leave(wire: Wire, session: ManagedSession, now: number): void {
    const { leaving } = this.#mood;
    if (leaving !== "close" && leaving !== "forget") {
      wire.cut();
      return;
    }
    session.request();
    if (session.outbound.waiting.length > 0) this.#mood.later("leave", now, 300);
    else if (leaving === "close") this.#close(wire, session, now);
    else this.#forget(wire);
  }

  // RFC 6120 section 4.4
  #close(wire: Wire, session: ManagedSession, now: number): void {
    if (this.#random.chance(0.8)) session.acknowledge();
    wire.write("</stream:stream>");
    this.#closing = true;
    this.#world.counters.cleanEnds += 1;
    this.#mood.later("close", now, CLOSING_MS);
  }

  // As if the program was started anew: it has no session to resume, and nothing to write again.
  #forget(wire: Wire): void {
    this.#world.counters.forgotten += 1;
    wire.cut();
    this.#session = undefined;
  }

  // ---- what comes

  #stanza(stanza: Element, h: number, session: SessionRecord): void {
    this.#mood.received(this.#world.ledger.now());
    if (stanza.name === "message") this.#inbox.take(stanza, { session, h });
    if (this.#mood.acknowledgesAtOnce()) this.#session?.acknowledge();
  }

  #noteAgain(message: Message | undefined, { number }: SessionRecord): void {
    if (message !== undefined) this.#world.ledger.note(message.id, `written again in session ${number}, resumed`);
  }

  #wrong(what: string): void {
    this.#world.ledger.stray(`${this.name}: ${what}`);
  }
}
