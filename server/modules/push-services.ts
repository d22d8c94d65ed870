// The push services that accounts enabled (XEP-0357 0.4.1): kept, notified, and disabled when they do not want it.

import type { Element } from "ltx";
import type { PushService, PushStore } from "../../storage/store.ts";
import type { Config } from "../config.ts";
import { type StanzaError, stanzaError } from "../errors.ts";
import { Jid } from "../jid.ts";
import type { Core } from "../router/routing.ts";
import { attr, child, errorReply } from "../stanza.ts";
import { type Notice, publication } from "./push-notification.ts";

/** Accounts whose services are remembered, so that a message costs no look into the store. */
const REMEMBERED = 10_000;

/** One publication at a time for each service: what comes meanwhile is one more, when that one is answered. */
type Flight = { next: Notice | undefined };

/** Accounts are bare JIDs. */
export class PushServices {
  readonly #core: Core;
  readonly #config: Config["push"];
  readonly #store: PushStore;
  /** Lately asked for, or on their way from the store. */
  readonly #lists = new Map<string, readonly PushService[] | Promise<readonly PushService[]>>();
  readonly #flights = new Map<string, Flight>();
  /** Errors in a row, of those that had any. */
  readonly #errors = new Map<string, number>();

  constructor(core: Core, config: Config["push"]) {
    this.#core = core;
    this.#config = config;
    this.#store = core.store.pushes;
  }

  /** Errors: resource-constraint, where the account has as many as it may. */
  async enable(account: Jid, service: PushService): Promise<StanzaError | undefined> {
    const { servicesPerAccount } = this.#config;
    const kept = await this.#store.put(account.bareString, service, servicesPerAccount);
    this.#lists.delete(account.bareString);
    this.#errors.delete(keyOf(account, service));
    if (kept) return undefined;
    return stanzaError("resource-constraint", `${servicesPerAccount} are enabled (push.servicesPerAccount)`);
  }

  /** @param node undefined: all of the address */
  async disable(account: Jid, jid: string, node: string | undefined): Promise<void> {
    await this.#store.remove(account.bareString, jid, node);
    this.#lists.delete(account.bareString);
  }

  /** The account is gone. */
  async forget(account: Jid): Promise<void> {
    await this.#store.erase(account.bareString);
    this.#lists.delete(account.bareString);
  }

  list(account: Jid): readonly PushService[] | Promise<readonly PushService[]> {
    const owner = account.bareString;
    const known = this.#lists.get(owner);
    if (known !== undefined) return known;
    if (this.#lists.size >= REMEMBERED) this.#lists.clear();
    const loading = this.#store.list(owner);
    this.#lists.set(owner, loading);
    const isCurrent = (): boolean => this.#lists.get(owner) === loading;
    loading.then(
      (list) => isCurrent() && this.#lists.set(owner, list),
      () => isCurrent() && this.#lists.delete(owner),
    );
    return loading;
  }

  /** Tells an enabled service, at once or when it has answered what it was told before. */
  async notify(account: Jid, service: PushService, notice: Notice): Promise<void> {
    const key = keyOf(account, service);
    const flight = this.#flights.get(key);
    if (flight !== undefined) {
      flight.next = { ...notice, messages: notice.messages + (flight.next?.messages ?? 0) };
      return;
    }
    const own: Flight = { next: notice };
    this.#flights.set(key, own);
    try {
      while (own.next !== undefined && (await this.#isEnabled(account, service))) {
        const now = own.next;
        own.next = undefined;
        await this.#publish(account, service, now);
      }
    } finally {
      this.#flights.delete(key);
    }
  }

  // Section 6: a MUST, for what was disabled while the last answer was awaited.
  async #isEnabled(account: Jid, service: PushService): Promise<boolean> {
    return (await this.list(account)).some(({ jid, node }) => jid === service.jid && node === service.node);
  }

  // Section 7.1: an error disables it, one of a passing kind only if there are too many in a row.
  async #publish(account: Jid, service: PushService, notice: Notice): Promise<void> {
    const core = this.#core;
    const at = Jid.fromTrusted(service.jid);
    let unreachable = false;
    const send = async (iq: Element): Promise<void> => {
      const refused = await core.route(iq, core.domain);
      if (refused === undefined) return;
      unreachable = refused.type === "wait";
      core.requests.answered(errorReply(iq, refused));
    };
    const failed = (err: unknown): void => core.log.error({ service: service.jid, err }, "push-failed");
    const payload = publication(service, notice, this.#config);
    const answer = await core.requests.askBy((iq) => void send(iq).catch(failed), at, "set", payload);
    const key = keyOf(account, service);
    if (answer !== undefined && attr(answer, "type") === "result") {
      this.#errors.delete(key);
    } else if (!unreachable) {
      const errors = isPassing(answer) ? (this.#errors.get(key) ?? 0) + 1 : this.#config.errors;
      if (errors < this.#config.errors) this.#errors.set(key, errors);
      else await this.#giveUp(account, service);
    }
  }

  async #giveUp(account: Jid, service: PushService): Promise<void> {
    this.#errors.delete(keyOf(account, service));
    this.#core.log.info({ account: account.toString(), service: service.jid }, "push-disabled");
    await this.disable(account, service.jid, service.node);
  }
}

/** No answer, or an error after which the same may succeed later (RFC 6120 section 8.3.2). */
function isPassing(answer: Element | undefined): boolean {
  const error = answer === undefined ? undefined : child(answer, "error");
  return answer === undefined || (error !== undefined && attr(error, "type") === "wait");
}

function keyOf(account: Jid, { jid, node }: Pick<PushService, "jid" | "node">): string {
  return JSON.stringify([account.bareString, jid, node]);
}
