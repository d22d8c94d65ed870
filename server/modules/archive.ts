// XEP-0313 1.1.3 with its extended features, and XEP-0441 0.2.0: accounts' archives, asked and set up by their owners.

import { Element } from "ltx";
import type { Archive } from "../archive/archive.ts";
import { archiveForm } from "../archive/data-form.ts";
import { readPage } from "../archive/page.ts";
import { preferencesElement, readPreferences } from "../archive/preferences-element.ts";
import { readQuery } from "../archive/query.ts";
import { finElement, overheadOf, resultElement } from "../archive/results.ts";
import { stanzaError } from "../errors.ts";
import { NS } from "../namespaces.ts";
import type { IqHandler, IqRequest } from "../router/dispatch.ts";
import type { Core } from "../router/routing.ts";
import { type IqReply, result } from "../stanza.ts";
import { defineModule, type Module } from "./module.ts";

/** What a page may take of limits.outboxBytes: the client is sent other things, too. */
const OUTBOX_SHARE = 1 / 4;

export function archiveModule(core: Core, archive: Archive): Module {
  return defineModule({
    name: "archive",
    spec: "XEP-0313 1.1.3",
    // Section 7 and XEP-0359 section 5: of the accounts, which have the archives, and not of the server.
    features: [NS.archive, NS.archiveExtended, NS.archiveGroupchatField, NS.stanzaIds].map((feature) => ({
      var: feature,
      on: ["account"],
    })),
    setup: () => ({
      iq: [
        ownersOnly("get", "query", () => result(new Element("query", { xmlns: NS.archive }).cnode(archiveForm()).up())),
        ownersOnly("set", "query", (request) => answerQuery(core, request)),
        ownersOnly("get", "metadata", ({ to }) => metadata(core, to.bareString)),
        ownersOnly("get", "prefs", async ({ to }) =>
          result(preferencesElement(await archive.preferences(to.bareString))),
        ),
        ownersOnly("set", "prefs", (request) => setPreferences(archive, request)),
      ],
    }),
  });
}

// Section 8.1: others get forbidden, whether there is such an account or not.
function ownersOnly(type: "get" | "set", name: string, handle: IqHandler["handle"]): IqHandler {
  return { type, ns: NS.archive, name, to: ["account"], refusal: "forbidden", handle };
}

async function answerQuery(core: Core, { payload, from, to, session }: IqRequest): Promise<IqReply> {
  const request = readQuery(payload);
  if ("kind" in request) return request;
  if (session === undefined) return stanzaError("not-allowed", "results go to a client that is connected");
  // Who asks for page after page and does not read them waits here, and the stanzas behind the query with it.
  await session.drained();
  const asker = { from: to.bareString, to: from.toString(), queryid: request.queryid };
  const page = await readPage(core.store.archive, to.bareString, {
    filter: request.filter,
    set: request.set,
    characters: core.limits.outboxBytes * OUTBOX_SHARE,
    overhead: overheadOf(asker),
  });
  if (page === undefined) return stanzaError("item-not-found"); // sections 4.1.3 and 4.3.2
  const messages = request.flipped ? page.messages.toReversed() : page.messages;
  for (const message of messages) session.send(resultElement(message, asker));
  return result(finElement(page));
}

// Section 5
async function metadata(core: Core, owner: string): Promise<IqReply> {
  const bounds = await core.store.archive.bounds(owner);
  const element = new Element("metadata", { xmlns: NS.archive });
  if (bounds === undefined) return result(element);
  const { first, last } = bounds;
  element.c("start", { id: first.id, timestamp: new Date(first.at).toISOString() });
  element.c("end", { id: last.id, timestamp: new Date(last.at).toISOString() });
  return result(element);
}

async function setPreferences(archive: Archive, { payload, to }: IqRequest): Promise<IqReply> {
  const preferences = readPreferences(payload);
  if ("kind" in preferences) return preferences;
  await archive.setPreferences(to.bareString, preferences);
  return result(preferencesElement(preferences));
}
