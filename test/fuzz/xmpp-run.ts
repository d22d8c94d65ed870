// Runs one case of the stream fuzzer and says what is wrong with the answers: RFC 6120 sections 4, 6, 8 and 11.

import { SaxesParser } from "saxes";
import { STANZA_CONDITIONS } from "../../server/errors.ts";
import { Jid } from "../../server/jid.ts";
import { scramClient } from "../support/scram-client.ts";
import type { Answer } from "./reader.ts";
import { Wire } from "./wire.ts";
import { DOMAIN, FOREIGN_DOMAIN, PASSWORD, USERS } from "./words.ts";
import type { Step, XmppCase } from "./xmpp-case.ts";

/** A valid step is answered within this, on a machine that has other things to do, too. */
const ANSWER_MS = 15_000;
const PAUSE_MS = 25;

const NS = {
  client: "jabber:client",
  stream: "http://etherx.jabber.org/streams",
  streams: "urn:ietf:params:xml:ns:xmpp-streams",
  stanzas: "urn:ietf:params:xml:ns:xmpp-stanzas",
} as const;
/** What may stand on a stream besides stanzas. */
const NONZAS: Readonly<Record<string, readonly string[]>> = {
  [NS.stream]: ["features", "error"],
  "urn:ietf:params:xml:ns:xmpp-sasl": ["challenge", "success", "failure"],
  "urn:ietf:params:xml:ns:xmpp-tls": ["proceed", "failure"],
  "urn:xmpp:sm:3": ["enabled", "resumed", "failed", "a", "r"],
};
const ERROR_TYPES = ["auth", "cancel", "continue", "modify", "wait"];
/** What a message of a thrown Error, or a value that should not be there, looks like. */
const ACCIDENT = /TypeError|RangeError|SyntaxError|undefined|\[object |NaN|node:|\.[jt]s:\d/;

export type Ports = { readonly c2s: number; readonly directTls: number };

/** @param endMs how long the server may take to end a connection that says nothing more */
export async function runXmppCase(each: XmppCase, ports: Ports, endMs: number): Promise<string[]> {
  const wire = await Wire.open(each.tls ? ports.directTls : ports.c2s, { tls: each.tls });
  const problems: string[] = [];
  try {
    const run = new Run(wire, each.what === "session", problems);
    for (const step of each.steps) {
      if (wire.ended) break;
      await run.step(step);
    }
    if (each.end === "reset") wire.reset();
    else await leave(wire, each.end, endMs, problems);
    problems.push(...wire.reader.problems, ...judge(wire, each, run));
  } finally {
    wire.destroy();
  }
  return problems.map((problem) => `${each.what}: ${problem}`);
}

class Run {
  /** How many elements had come when the session was bound. */
  boundAt: number | undefined;
  /** How many octets had been written by then. */
  sentAtBind = 0;
  jid = "";
  pinged = false;
  readonly #wire: Wire;
  readonly #problems: string[];
  readonly #valid: boolean;
  #seen = 0;

  constructor(wire: Wire, valid: boolean, problems: string[]) {
    this.#wire = wire;
    this.#valid = valid;
    this.#problems = problems;
  }

  async step(step: Step): Promise<void> {
    switch (step.do) {
      case "write":
        for (const piece of step.pieces) {
          this.#wire.write(Buffer.from(piece, "base64"));
          if (step.pieces.length > 1) await new Promise((resolve) => setImmediate(resolve));
        }
        return;
      case "await":
        return this.#await(step.name, step.must);
      case "tls":
        if (this.#wire.reader.elements.at(-1)?.name !== "proceed") return;
        // Where steps were mixed up, something may have been sent in between that is no TLS.
        if (!(await this.#wire.startTls()) && this.#valid) this.#problems.push("no TLS after <proceed/>");
        return;
      case "scram":
        return this.#scram(step.user);
      case "ping":
        return this.#ping(step.id);
    }
  }

  async #await(name: string, must: boolean): Promise<void> {
    const { elements } = this.#wire.reader;
    const found = (): boolean =>
      elements.slice(this.#seen).some((element) => name === "*" || element.name === name) || this.#wire.reader.closed;
    const came = await this.#wire.until(found, must ? ANSWER_MS : PAUSE_MS);
    if (must && !came && !this.#wire.ended) this.#problems.push(`no <${name}/> came`);
    if (must && came && name === "iq") this.#bound(elements.at(-1));
    this.#seen = elements.length;
  }

  #bound(iq: Answer | undefined): void {
    this.jid = iq?.children[0]?.children[0]?.text ?? "";
    if (this.jid === "") return;
    this.boundAt = this.#wire.reader.elements.length;
    this.sentAtBind = this.#wire.sent.length;
  }

  async #scram(user: string): Promise<void> {
    const challenge = this.#wire.reader.elements.at(-1);
    if (challenge?.name !== "challenge") return;
    const client = scramClient({ hash: "sha256", username: user, password: PASSWORD });
    const { message } = client.final(Buffer.from(challenge.text, "base64").toString());
    const response = Buffer.from(message).toString("base64");
    this.#wire.write(`<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${response}</response>`);
  }

  /** RFC 6120 section 10.1: the stream is in order, so what came before the ping has been handled when it is answered. */
  async #ping(id: string): Promise<void> {
    this.#wire.write(`<iq type='get' id='${id}' to='${DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>`);
    const { reader } = this.#wire;
    const answered = (): boolean => reader.elements.some((element) => element.attrs.id === id);
    const came = await this.#wire.until(() => answered() || reader.closed || reader.problems.length > 0, ANSWER_MS);
    this.pinged = came && answered();
    // Markup that was left open swallows the ping; the end of the stream is awaited all the same.
  }
}

async function leave(wire: Wire, end: "close" | "fin" | "stay", endMs: number, problems: string[]): Promise<void> {
  // Who is bound may stay for as long as it likes; the others have limits.handshakeTimeoutSeconds.
  const stays = end === "stay" && !wire.reader.elements.some(({ name }) => name === "iq");
  if (end === "close") wire.write("</stream:stream>");
  if (!stays) wire.end();
  if (await wire.until(() => wire.ended, endMs)) return;
  problems.push(`hang: the connection was not ended within ${endMs} ms of "${end}"`);
}

// ---- the answers

function judge(wire: Wire, each: XmppCase, run: Run): string[] {
  const { reader } = wire;
  const problems = reader.elements.flatMap(elementProblems);
  const spoke = wire.sent.some((octets) => octets.length > 0);
  // Where the client cut the connection nothing is owed to it; and OpenSSL, asked by Node to shut down, may drop what comes.
  const listens = each.end !== "reset" && !(wire.secure && each.end !== "close");
  if (
    listens &&
    wire.ended &&
    reader.headers.length > 0 &&
    !reader.closed &&
    reader.elements.at(-1)?.name !== "proceed"
  ) {
    problems.push("the connection ended without the end tag of the stream (section 4.4)");
  }
  if (listens && wire.ended && reader.headers.length === 0 && spoke && !wire.secure) {
    problems.push("the connection ended without a stream header (section 4.9.1.2)");
  }
  if (run.boundAt !== undefined) problems.push(...sessionProblems(wire, run, reader.elements.slice(run.boundAt)));
  return problems;
}

function elementProblems(element: Answer): string[] {
  const { ns, name } = element;
  if (ns === NS.client && ["message", "presence", "iq"].includes(name)) return stanzaProblems(element);
  if (!NONZAS[ns]?.includes(name)) return [`{${ns}}${name} on a stream`];
  if (ns === NS.stream && name === "error") return streamErrorProblems(element);
  return [];
}

function streamErrorProblems({ children }: Answer): string[] {
  const conditions = children.filter(({ ns, name }) => ns === NS.streams && name !== "text");
  const text = children.find(({ name }) => name === "text")?.text ?? "";
  const problems: string[] = [];
  if (conditions.length !== 1) problems.push("a stream error without exactly one condition (section 4.9.2)");
  if (conditions[0]?.name === "internal-server-error") problems.push("stream error internal-server-error");
  if (ACCIDENT.test(text)) problems.push(`a stream error says "${text.slice(0, 200)}"`);
  return problems;
}

function stanzaProblems(stanza: Answer): string[] {
  const { name, attrs } = stanza;
  const problems: string[] = [];
  if (attrs.type !== "error" && name === "iq" && attrs.id === undefined)
    problems.push("an iq without an id (section 8.1.3)");
  if (name === "iq" && !["get", "set", "result", "error"].includes(attrs.type ?? ""))
    problems.push("an iq without a type");
  if (attrs.type !== "error" && name !== "iq" && attrs.from === undefined)
    problems.push(`a ${name} without from (section 8.1.2.1)`);
  if (attrs.type === "error" && byServer(attrs.from)) problems.push(...stanzaErrorProblems(stanza));
  return problems;
}

function stanzaErrorProblems({ children, attrs }: Answer): string[] {
  const errors = children.filter(({ ns, name }) => ns === NS.client && name === "error");
  const [error] = errors;
  if (error === undefined || errors.length > 1) return ["an error stanza without exactly one <error/> (section 8.3.1)"];
  const problems: string[] = [];
  const conditions = error.children.filter(({ ns, name }) => ns === NS.stanzas && name !== "text");
  const condition = conditions[0]?.name ?? "";
  if (!ERROR_TYPES.includes(error.attrs.type ?? "")) problems.push(`error type ${error.attrs.type}`);
  if (conditions.length !== 1 || !(condition in STANZA_CONDITIONS)) problems.push(`error condition "${condition}"`);
  if (condition === "internal-server-error") problems.push(`internal-server-error to ${attrs.id}`);
  const text = error.children.find(({ name }) => name === "text")?.text ?? "";
  if (ACCIDENT.test(text)) problems.push(`an error says "${text.slice(0, 200)}"`);
  return problems;
}

/** Nobody but the server and the gateway speaks as an address without a resource; a stray client may as one with. */
function byServer(from: string | undefined): boolean {
  return from === undefined || !from.includes("/") || from.startsWith(`${DOMAIN}/`) || from.endsWith(FOREIGN_DOMAIN);
}

type Sent = { readonly name: string; readonly attrs: Readonly<Record<string, string>> };

function sessionProblems(wire: Wire, run: Run, answers: readonly Answer[]): string[] {
  const sent = stanzasIn(Buffer.concat(wire.sent.slice(run.sentAtBind)));
  const bare = run.jid.slice(0, run.jid.indexOf("/"));
  const problems: string[] = [];
  for (const { name, attrs } of answers) {
    const { to, id, type, from } = attrs;
    // A full JID that nobody has falls back to the account's other resources (RFC 6121 section 8.5.3.2.1).
    if (to !== undefined && !isOf(to, bare)) problems.push(`a stanza to ${to} came to ${run.jid}`);
    if (type !== "error" || id === undefined || !byServer(from)) continue;
    const asked = sent.filter((stanza) => stanza.attrs.id === id && stanza.name === name);
    if (asked.length === 0) problems.push(`an error in answer to "${id.slice(0, 100)}", which was not sent`);
    else if (asked.every((stanza) => isAnswer(stanza)))
      problems.push(`an error in answer to an error or a result: ${id}`);
  }
  if (!run.pinged) return problems;
  for (const { name, attrs } of sent) {
    if (name !== "iq" || !["get", "set"].includes(attrs.type ?? "") || attrs.id === undefined) continue;
    if (!byTheServerItself(attrs.to, bare)) continue;
    const count = answers.filter((answer) => isAnswer(answer, "iq") && answer.attrs.id === attrs.id).length;
    const asked = sent.filter((other) => other.attrs.id === attrs.id).length;
    if (count === 0) problems.push(`no answer to iq ${attrs.id.slice(0, 100)} (section 8.2.3)`);
    if (count > asked) problems.push(`${count} answers to iq ${attrs.id.slice(0, 100)}`);
  }
  return problems;
}

function isOf(to: string, bare: string): boolean {
  const parsed = Jid.parse(to); // a stanza keeps the spelling that its sender chose
  return parsed.ok && parsed.value.bareString === bare;
}

/** Whether a request to that address is answered by the server, and not by another client or the gateway. */
function byTheServerItself(to: string | undefined, bare: string): boolean {
  return to === undefined || to === DOMAIN || to === bare || USERS.some((user) => to === `${user}@${DOMAIN}`);
}

function isAnswer({ name, attrs }: Sent, kind?: string): boolean {
  if (kind !== undefined && name !== kind) return false;
  return attrs.type === "error" || (name === "iq" && attrs.type === "result");
}

/** What a reader without any limits sees in the octets of a session, up to the first fault. */
function stanzasIn(octets: Buffer): Sent[] {
  const found: Sent[] = [];
  const parser = new SaxesParser({ xmlns: true });
  let depth = 0;
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", ({ uri, local, attributes }) => {
    depth += 1;
    if (depth !== 2 || uri !== NS.client) return;
    const attrs = Object.entries(attributes).map(([name, { value }]) => [name, value] as const);
    found.push({ name: local, attrs: Object.fromEntries(attrs) });
  });
  parser.on("closetag", () => {
    depth -= 1;
  });
  try {
    parser.write(`<stream xmlns='${NS.client}' xmlns:stream='${NS.stream}'>`);
    parser.write(octets.toString("utf8"));
  } catch {
    // the server stops there, too
  }
  return found;
}
