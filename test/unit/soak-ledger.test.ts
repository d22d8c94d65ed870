// The judge of the soak (test/soak/ledger): a book that is in order has no violations, and each kind of loss, doubling and
// disorder is found.

import { describe, expect, it } from "vitest";
import { judge } from "../soak/ledger/judge.ts";
import { Ledger, type SessionRecord, type Way } from "../soak/ledger/ledger.ts";
import { idIn, type Kind, type Message, messageId } from "../soak/ledger/message.ts";
import { Outbound } from "../soak/ledger/outbound.ts";

const DEVICES = ["romeo/phone", "romeo/desk", "juliet/phone", "juliet/desk"];

/** Two users with two devices each; a clock that goes by one with each thing noted. */
class Book {
  readonly ledger: Ledger;
  readonly archives = new Map<string, { stanzaId: string; id: string }[]>([
    ["romeo", []],
    ["juliet", []],
  ]);
  readonly events: string[] = [];
  readonly sessions = new Map<string, SessionRecord>();
  #time = 0;
  #place = 0;
  #h = 0;

  constructor() {
    this.ledger = new Ledger(() => ++this.#time);
    for (const device of DEVICES) this.open(device);
  }

  /** A new session of a device, which gets copies. */
  open(device: string): SessionRecord {
    const record = this.ledger.session(device);
    record.copiesFrom = this.ledger.now();
    this.sessions.set(device, record);
    return record;
  }

  of(device: string): SessionRecord {
    return this.sessions.get(device) as SessionRecord;
  }

  write(kind: Kind, options: { from?: string; to?: string | undefined } = {}): Message {
    const sender = options.from ?? "romeo/phone";
    const [user = "", resource = ""] = sender.split("/");
    this.#place += 1;
    const foreign = kind === "from-foreign";
    const id = messageId(foreign ? "f" : "d", user, foreign ? "net" : resource, this.#place);
    const to =
      kind === "to-foreign" || kind === "refused" ? undefined : kind === "self" ? user : (options.to ?? "juliet");
    const message = { id, kind, sender, from: foreign ? undefined : user, to, place: this.#place };
    this.ledger.wrote(message, "here");
    return message;
  }

  accept(message: Message): void {
    this.ledger.accepted(message.id, "here", this.sessions.get(message.sender));
  }

  archive(message: Message, ...users: string[]): void {
    for (const user of users) this.archives.get(user)?.push({ stanzaId: `${user}-${message.id}`, id: message.id });
  }

  arrive(message: Message, device: string, way: Way, more: { delayed?: boolean; stanzaId?: string | undefined } = {}) {
    const user = device.split("/")[0];
    const stanzaId = message.kind === "no-store" ? undefined : `${user}-${message.id}`;
    this.#h += 1;
    this.ledger.arrived(message.id, { session: this.of(device), way, h: this.#h, delayed: false, stanzaId, ...more });
  }

  /** A chat message from romeo's phone to juliet, with all that belongs to it. */
  chat(): Message {
    const message = this.write("chat");
    this.accept(message);
    this.archive(message, "romeo", "juliet");
    this.arrive(message, "romeo/desk", "sent");
    this.arrive(message, "juliet/phone", "direct");
    this.arrive(message, "juliet/desk", "direct");
    return message;
  }

  /** All sessions have all that was accepted until now. */
  sync(): void {
    for (const session of this.sessions.values()) session.syncedAt = this.ledger.now();
  }

  judge() {
    for (const [user, rows] of this.archives) this.ledger.archives.set(user, rows);
    this.ledger.eventLog = this.events;
    return judge(this.ledger, DEVICES);
  }

  whatIsWrong(): string[] {
    return this.judge().violations.map(({ what }) => what);
  }
}

describe("a book that is in order", () => {
  it("has no violations, and the sums of what is in it", () => {
    const book = new Book();
    book.chat();
    book.chat();
    const refused = book.write("refused");
    book.ledger.refused(refused.id, "item-not-found");
    const abroad = book.write("to-foreign");
    book.accept(abroad);
    book.archive(abroad, "romeo");
    book.arrive(abroad, "romeo/desk", "sent");
    book.ledger.event(abroad.id, "7");
    book.events.push(abroad.id);
    book.sync();
    const { violations, sums } = book.judge();
    expect(violations).toEqual([]);
    expect(sums.byKind.chat).toEqual({ written: 2, accepted: 2, refused: 0, unknown: 0 });
    expect(sums.byKind.refused.refused).toBe(1);
    expect(sums).toMatchObject({ direct: 4, copies: 3, archived: 5, events: 1, live: 7, repeated: 0 });
  });

  it("a device that was away has it from the archive, and who was told nothing by HTTP may have sent it or not", () => {
    const book = new Book();
    const message = book.write("chat");
    book.accept(message);
    book.archive(message, "romeo", "juliet");
    for (const device of ["romeo/desk", "juliet/desk"]) book.arrive(message, device, "archive");
    book.arrive(message, "juliet/phone", "direct", { delayed: true });
    book.write("from-foreign", { from: "tybalt@example.net" });
    const { violations, sums } = book.judge();
    expect(violations).toEqual([]);
    expect(sums.byKind["from-foreign"]).toEqual({ written: 1, accepted: 0, refused: 0, unknown: 1 });
  });

  it("XEP-0198 section 4: again in a later session, where the receipt was not confirmed, is counted and no violation", () => {
    const book = new Book();
    const message = book.chat();
    book.open("juliet/desk");
    book.arrive(message, "juliet/desk", "direct", { delayed: true });
    const { violations, sums } = book.judge();
    expect(violations).toEqual([]);
    expect(sums.repeated).toBe(1);
  });
});

describe("a copy to a device that takes no messages (XEP-0280 section 7)", () => {
  function copied(other: { delayed: boolean }): Book {
    const book = new Book();
    const message = book.write("chat");
    book.accept(message);
    book.archive(message, "romeo", "juliet");
    book.arrive(message, "romeo/desk", "sent");
    book.arrive(message, "juliet/phone", "direct", other);
    book.arrive(message, "juliet/desk", "received");
    book.of("juliet/desk").confirmed = 100;
    book.arrive(message, "juliet/desk", "direct", { delayed: true });
    return book;
  }

  it("and once more from the offline store is counted: it waited there for whoever came first", () => {
    const { violations, sums } = copied({ delayed: true }).judge();
    expect(violations).toEqual([]);
    expect(sums.copiedAndStored).toBe(1);
  });

  it("and once more where another device had it at once is a doubling", () => {
    const book = copied({ delayed: false });
    expect(book.whatIsWrong()).toEqual([`twice in session ${book.of("juliet/desk").number} of juliet/desk`]);
  });
});

describe("lost", () => {
  it("at a device", () => {
    const book = new Book();
    const message = book.write("chat");
    book.accept(message);
    book.archive(message, "romeo", "juliet");
    book.arrive(message, "romeo/desk", "sent");
    book.arrive(message, "juliet/phone", "direct");
    expect(book.whatIsWrong()).toEqual(["lost: not at juliet/desk"]);
  });

  it("on a stream that was there all the while, though the archive has it", () => {
    const book = new Book();
    const message = book.write("no-store");
    book.accept(message);
    book.arrive(message, "romeo/desk", "sent");
    book.arrive(message, "juliet/phone", "direct");
    book.sync();
    expect(book.whatIsWrong()).toEqual([
      `session ${book.of("juliet/desk").number} of juliet/desk was there all the while, and did not get it`,
    ]);
  });

  it("from the offline store, though the archive has it", () => {
    const book = new Book();
    const message = book.write("chat");
    book.accept(message);
    book.archive(message, "romeo", "juliet");
    for (const device of ["romeo/desk", "juliet/phone", "juliet/desk"]) book.arrive(message, device, "archive");
    expect(book.whatIsWrong()).toEqual(["never delivered to any device of juliet"]);
  });

  it("from an archive", () => {
    const book = new Book();
    book.chat();
    book.archives.set("romeo", []);
    expect(book.whatIsWrong()).toEqual(["not in the archive of romeo"]);
  });

  it("at the foreign side, and from the log of events", () => {
    const book = new Book();
    const [one, two] = [book.write("to-foreign"), book.write("to-foreign")];
    for (const message of [one, two]) {
      book.accept(message);
      book.archive(message, "romeo");
      book.arrive(message, "romeo/desk", "sent");
    }
    book.ledger.event(two.id, "1");
    expect(book.whatIsWrong()).toEqual(["not at the foreign side", "told, and not in the log of events"]);
  });

  it("without a word to its sender", () => {
    const book = new Book();
    book.write("chat");
    const refused = book.write("refused");
    book.accept(refused);
    book.sync();
    expect(book.whatIsWrong()).toEqual(["its sender never learned what became of it", "neither delivered nor refused"]);
  });

  it("to some devices, of what an HTTP caller was told nothing about", () => {
    const book = new Book();
    const message = book.write("from-foreign", { from: "tybalt@example.net" });
    book.archive(message, "juliet");
    book.arrive(message, "juliet/desk", "direct");
    expect(book.whatIsWrong()).toEqual(["lost: not at juliet/phone"]);
  });
});

describe("doubled", () => {
  it("in one session", () => {
    const book = new Book();
    book.arrive(book.chat(), "juliet/desk", "direct");
    expect(book.whatIsWrong()).toEqual([`twice in session ${book.of("juliet/desk").number} of juliet/desk`]);
  });

  it("in a later session, after the first one had confirmed it", () => {
    const book = new Book();
    const message = book.chat();
    book.of("juliet/desk").confirmed = 100;
    book.open("juliet/desk");
    book.arrive(message, "juliet/desk", "direct", { delayed: true });
    expect(book.whatIsWrong()).toEqual(["again at juliet/desk, which had confirmed it"]);
  });

  it("under another stanza-id, or with none", () => {
    const book = new Book();
    const message = book.chat();
    book.open("juliet/desk");
    book.arrive(message, "juliet/desk", "direct", { delayed: true, stanzaId: "other" });
    book.open("juliet/phone");
    book.arrive(message, "juliet/phone", "direct", { delayed: true, stanzaId: undefined });
    expect(book.whatIsWrong()).toEqual([
      "direct at juliet/phone without a stanza-id",
      `juliet has it under the stanza-ids juliet-${message.id}, other`,
    ]);
  });

  it("in an archive", () => {
    const book = new Book();
    const message = book.chat();
    book.archives.get("juliet")?.push({ stanzaId: "second", id: message.id });
    expect(book.whatIsWrong()).toEqual([
      "2 times in the archive of juliet",
      `juliet has it under the stanza-ids juliet-${message.id}, second`,
    ]);
  });

  it("at the foreign side", () => {
    const book = new Book();
    const message = book.write("to-foreign");
    book.accept(message);
    book.archive(message, "romeo");
    book.arrive(message, "romeo/desk", "sent");
    for (const event of ["1", "2"]) {
      book.ledger.event(message.id, event);
      book.events.push(message.id);
    }
    expect(book.whatIsWrong()).toEqual(["events 1, 2 carry it"]);
  });
});

describe("where it does not belong", () => {
  it("refused, and delivered and archived all the same", () => {
    const book = new Book();
    const message = book.chat();
    book.ledger.refused(message.id, "service-unavailable");
    const wrong = book.whatIsWrong();
    expect(wrong).toContain("in the archive of romeo, where it does not belong");
    expect(wrong).toContain("refused, and at juliet/desk");
  });

  it("not to be archived, and archived", () => {
    const book = new Book();
    const message = book.write("no-store");
    book.accept(message);
    book.archive(message, "juliet");
    expect(book.whatIsWrong()).toEqual(["in the archive of juliet, where it does not belong"]);
  });

  it("at a stranger, and back at its sender", () => {
    const book = new Book();
    const abroad = book.write("to-foreign");
    book.accept(abroad);
    book.archive(abroad, "romeo");
    book.ledger.event(abroad.id, "1");
    book.events.push(abroad.id);
    book.arrive(abroad, "romeo/desk", "sent");
    book.arrive(abroad, "romeo/phone", "sent");
    book.arrive(abroad, "juliet/desk", "direct");
    expect(book.whatIsWrong()).toEqual(["back at its sender romeo/phone", "at juliet/desk, where it does not belong"]);
  });

  it("never sent", () => {
    const book = new Book();
    book.ledger.event("d-nobody-phone-1", "1");
    book.archives.get("juliet")?.push({ stanzaId: "a", id: "d-nobody-phone-2" });
    book.events.push("d-nobody-phone-3");
    const wrong = book.whatIsWrong();
    expect(wrong[0]).toMatch(/^d-nobody-phone-1 was never sent, and is at the foreign side/);
    expect(wrong.slice(1)).toEqual([
      "d-nobody-phone-2 is in the archive of juliet, and was never sent",
      "d-nobody-phone-3 is in the log of events, and was never sent",
    ]);
  });
});

describe("out of order", () => {
  it("in an archive", () => {
    const book = new Book();
    const [first] = [book.chat(), book.chat()];
    book.archives.get("juliet")?.reverse();
    expect(book.whatIsWrong()).toEqual([`behind ${first.id.replace(/1$/, "2")} in the archive of juliet`]);
  });

  it("on a stream; what comes late may come out of order", () => {
    const book = new Book();
    const [one, two] = [book.write("chat"), book.write("chat")];
    for (const message of [one, two]) {
      book.accept(message);
      book.archive(message, "romeo", "juliet");
      book.arrive(message, "romeo/desk", "sent");
    }
    for (const message of [two, one]) {
      book.arrive(message, "juliet/desk", "direct");
      book.arrive(message, "juliet/phone", "direct", { delayed: true });
    }
    expect(book.whatIsWrong()).toEqual([`behind ${two.id} in session ${book.of("juliet/desk").number} of juliet/desk`]);
  });
});

describe("what the soak's clients go by", () => {
  it("an h covers the oldest stanzas; less than before, and more than was sent, cannot be", () => {
    const outbound = new Outbound();
    const covered: number[] = [];
    for (const n of [1, 2, 3]) outbound.push({ xml: `<m n='${n}'/>`, covered: () => void covered.push(n) });
    expect(outbound.cover(2)).toBe(true);
    expect(covered).toEqual([1, 2]);
    expect(outbound.cover(1)).toBe(false);
    expect(outbound.cover(4)).toBe(false);
    expect(outbound.waiting.map(({ xml }) => xml)).toEqual(["<m n='3'/>"]);
  });

  it("an id is found in whatever carries the message", () => {
    const id = messageId("d", "user1", "phone", 12);
    expect(idIn(`From: <im:user1@localhost>\r\n\r\n${id} and more`)).toBe(id);
    expect(idIn("nobody's")).toBeUndefined();
  });
});
