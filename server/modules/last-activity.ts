// XEP-0012 2.0: Last Activity, of the server and of accounts. A resource is asked itself.

import { Element } from "ltx";
import { stanzaError } from "../errors.ts";
import { NS } from "../namespaces.ts";
import type { IqRequest } from "../router/dispatch.ts";
import type { Core } from "../router/routing.ts";
import type { Session } from "../session/session.ts";
import { child, type IqReply, result, textOf } from "../stanza.ts";
import { defineModule, type Module } from "./module.ts";

export function lastActivity(core: Core): Module {
  const startedAt = core.clock.now();
  const writing = new Set<Promise<void>>();
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
          handle: (request) => ofAccount(core, request),
        },
      ],
      hooks: {
        notify: {
          unavailable(session, said) {
            const written = remember(core, session, said);
            writing.add(written);
            return written.finally(() => writing.delete(written));
          },
          // The end of its last session may have been written behind the account's own.
          accountDeleted: (account) => core.store.profiles.erase(account.bareString),
        },
      },
      async stop() {
        await Promise.allSettled(writing);
      },
    }),
  });
}

async function ofAccount({ sessions, store, clock }: Core, { to }: IqRequest): Promise<IqReply> {
  if (sessions.has(to.bareString)) return answer(0); // section 3: connected or available
  const last = await store.profiles.lastActivity(to.bareString);
  if (last === undefined) return stanzaError("item-not-found", "nothing is known of it");
  return answer(clock.now() - last.at, last.status);
}

function answer(sinceMs: number, status = ""): IqReply {
  const seconds = Math.max(0, Math.floor(sinceMs / 1000)); // the machine's clock may have been set back
  return result(new Element("query", { xmlns: NS.lastActivity, seconds: String(seconds) }).t(status));
}

async function remember(core: Core, { jid }: Session, said: Element | undefined): Promise<void> {
  const owner = jid.bareString;
  if (core.sessions.available(owner).length > 0) return;
  const status = said === undefined ? undefined : child(said, "status");
  const text = status === undefined ? "" : cut(textOf(status), core.limits.statusCharacters);
  await core.store.profiles.setLastActivity(owner, { at: core.clock.now(), status: text });
}

function cut(text: string, characters: number): string {
  return text.length <= characters ? text : [...text].slice(0, characters).join("");
}
