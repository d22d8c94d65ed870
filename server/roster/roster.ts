// Roster get, set and versioning (RFC 6121 sections 2.2 to 2.6).

import { Element } from "ltx";
import { StoreLimitError } from "../../storage/store.ts";
import { type StanzaError, stanzaError } from "../errors.ts";
import { Jid } from "../jid.ts";
import { defineModule, type Module } from "../modules/module.ts";
import { NS } from "../namespaces.ts";
import type { IqRequest } from "../router/dispatch.ts";
import type { Core } from "../router/routing.ts";
import { attr, childrenOf, elements, type IqReply, result, textOf } from "../stanza.ts";
import { pushItem, removedItemElement, rosterItemElement, rosterPush } from "./push.ts";
import { emptyItem } from "./rosters.ts";
import type { Subscriptions } from "./subscriptions.ts";

export function rosterModule(core: Core, subscriptions: Subscriptions): Module {
  return defineModule({
    name: "roster",
    spec: "RFC 6121 section 2",
    features: [{ var: NS.roster, on: ["domain"] }],
    setup: () => ({
      iq: [
        {
          type: "get",
          ns: NS.roster,
          name: "query",
          to: ["account"],
          refusal: "forbidden",
          handle: (request) => getRoster(core, request),
        },
        {
          type: "set",
          ns: NS.roster,
          name: "query",
          to: ["account"],
          refusal: "forbidden", // section 2.3.3
          handle: (request) => setRoster(core, subscriptions, request),
        },
      ],
    }),
  });
}

async function getRoster(core: Core, { payload, to, session }: IqRequest): Promise<IqReply> {
  const owner = to.bareString;
  const items = await core.rosters.load(owner);
  if (!core.sessions.has(owner)) core.rosters.release(owner); // the asker left meanwhile
  const version = core.rosters.version(owner);
  const known = attr(payload, "ver");
  if (known !== undefined && /^\d{1,15}$/.test(known)) {
    const delta = await core.store.roster.changesSince(owner, Number(known));
    if (delta !== undefined) {
      if (session === undefined) return result();
      session.interested = true;
      // Section 2.6.3: an empty result, then each change as a push, in order.
      return result(undefined, () => {
        for (const { contact, version, item } of delta.changes) {
          const el = item?.inRoster ? rosterItemElement(item) : removedItemElement(contact);
          session.send(rosterPush(session.jid.toString(), el, version));
        }
      });
    }
  }
  if (session !== undefined) session.interested = true;
  const query = new Element("query", { xmlns: NS.roster });
  if (known !== undefined) query.attrs.ver = String(version); // section 2.6.2: only to a client that knows versions
  for (const item of items.values()) if (item.inRoster) query.cnode(rosterItemElement(item));
  return result(query);
}

async function setRoster(core: Core, subscriptions: Subscriptions, { payload, to }: IqRequest): Promise<IqReply> {
  const items = elements(payload);
  const item = items[0];
  if (items.length !== 1 || item === undefined || item.name !== "item") {
    return stanzaError("bad-request", "a roster set holds exactly one item"); // section 2.3.3
  }
  const jid = Jid.parse(attr(item, "jid") ?? "");
  if (!jid.ok) return stanzaError("jid-malformed", jid.reason);
  const contact = jid.value.bare();
  if (attr(item, "subscription") === "remove") return (await subscriptions.remove(to, contact)) ?? result();
  if (contact.equals(to)) return stanzaError("not-allowed", "an account is not its own contact");
  const wanted = readItem(core, item);
  if ("kind" in wanted) return wanted;
  try {
    const change = await core.rosters.update(to.bareString, contact.bareString, (before) => ({
      ...(before ?? emptyItem(contact.bareString)),
      ...wanted,
      inRoster: true,
    }));
    pushItem(core.sessions, to.bareString, contact.bareString, change.after, change.version);
  } catch (error) {
    if (error instanceof StoreLimitError) return stanzaError("resource-constraint", error.message);
    throw error;
  }
  return result();
}

// Section 2.3.3: what a client may set of an item, or why it may not. `subscription` and `ask` are not a client's to set.
function readItem(core: Core, item: Element): { name: string; groups: string[] } | StanzaError {
  const { nameCharacters, groupsPerItem } = core.limits;
  const name = attr(item, "name") ?? "";
  if (name.length > nameCharacters) {
    return stanzaError("not-acceptable", `a name may have ${nameCharacters} characters`);
  }
  const groups = childrenOf(item, "group", NS.roster).map(textOf);
  if (groups.length > groupsPerItem) return stanzaError("not-acceptable", `an item may have ${groupsPerItem} groups`);
  for (const group of groups) {
    if (group === "") return stanzaError("not-acceptable", "a group has a name");
    if (group.length > nameCharacters) {
      return stanzaError("not-acceptable", `a group's name may have ${nameCharacters} characters`);
    }
  }
  if (new Set(groups).size !== groups.length) return stanzaError("bad-request", "the same group twice");
  return { name, groups };
}
