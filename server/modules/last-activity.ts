// XEP-0012 2.0: Last Activity, of the server and of accounts. A resource is asked itself.

import { Element } from "ltx";
import type { LastActivity } from "../../storage/store.ts";
import type { Timer } from "../clock.ts";
import { stanzaError } from "../errors.ts";
import { NS } from "../namespaces.ts";
import type { IqRequest } from "../router/dispatch.ts";
import type { Core } from "../router/routing.ts";
import type { Session } from "../session/session.ts";
import { child, type IqReply, result, textOf } from "../stanza.ts";
import { defineModule, type Module } from "./module.ts";

/** A crash takes what was said in the last second: nobody waits for the disk, and many ends of sessions cost one commit. */
const COLLECT_MS = 1_000;

export function lastActivity(core: Core): Module {
  const startedAt = core.clock.now();
  const ends = new Ends(core);
  return defineModule({
    name: "last-activity",
    spec: "XEP-0012 2.0",
    features: [{ var: NS.lastActivity, on: ["domain", "account"] }], // section 6
    setup: () => ({
      iq: [
        {
          type: "get",
          ns: NS.lastActivity,
          name: "query",
          to: ["domain"],
          handle: () => answer(core.clock.now() - startedAt), // section 5
        },
        {
          type: "get",
          ns: NS.lastActivity,
          name: "query",
          to: ["account"],
          allow: "subscriber",
          refusal: "forbidden", // section 3: a MUST, whether there is such an account or not
          handle: (request) => ofAccount(core, ends, request),
        },
      ],
      hooks: {
        notify: {
          unavailable: (session, said) => remember(core, ends, session, said),
          accountDeleted: (account) => ends.forget(account.bareString),
        },
      },
      stop: () => ends.stop(),
    }),
  });
}

/** When accounts were here last, on its way to the store. */
class Ends {
  readonly #core: Core;
  #collected = new Map<string, LastActivity>();
  #timer: Timer | undefined;
  #writing: Promise<unknown> = Promise.resolve();
  #stopped = false;

  constructor(core: Core) {
    this.#core = core;
  }

  note(owner: string, last: LastActivity): void {
    this.#collected.set(owner, last);
    if (this.#stopped) this.#write();
    else this.#timer ??= this.#core.clock.after(COLLECT_MS, () => this.#write());
  }

  async of(owner: string): Promise<LastActivity | undefined> {
    return this.#collected.get(owner) ?? this.#core.store.profiles.lastActivity(owner);
  }

  /** The end of the account's last session may have been noted behind the account's own. */
  async forget(owner: string): Promise<void> {
    this.#collected.delete(owner);
    await this.#core.store.profiles.erase(owner);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#write();
    await this.#writing;
  }

  #write(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const collected = this.#collected;
    this.#collected = new Map();
    const { profiles } = this.#core.store;
    const written = [...collected].map(([owner, last]) => profiles.setLastActivity(owner, last));
    this.#writing = Promise.all([this.#writing, ...written]).catch((err: unknown) => {
      this.#core.log.error({ err }, "last-activity-not-stored");
    });
  }
}

async function ofAccount({ sessions, clock }: Core, ends: Ends, { to }: IqRequest): Promise<IqReply> {
  if (sessions.has(to.bareString)) return answer(0); // section 3: connected or available
  const last = await ends.of(to.bareString);
  if (last === undefined) return stanzaError("item-not-found", "nothing is known of it");
  return answer(clock.now() - last.at, last.status);
}

function answer(sinceMs: number, status = ""): IqReply {
  const seconds = Math.max(0, Math.floor(sinceMs / 1000)); // the machine's clock may have been set back
  return result(new Element("query", { xmlns: NS.lastActivity, seconds: String(seconds) }).t(status));
}

function remember(core: Core, ends: Ends, { jid }: Session, said: Element | undefined): void {
  const owner = jid.bareString;
  if (core.sessions.available(owner).length > 0) return;
  const status = said === undefined ? undefined : child(said, "status");
  const text = status === undefined ? "" : cut(textOf(status), core.limits.statusCharacters);
  ends.note(owner, { at: core.clock.now(), status: text });
}

function cut(text: string, characters: number): string {
  return text.length <= characters ? text : [...text].slice(0, characters).join("");
}
