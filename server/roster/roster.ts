// Roster get, set and versioning (RFC 6121 sections 2.2 to 2.6).

import { Element } from "ltx";
import { type RosterDelta, type RosterItem, StoreLimitError } from "../../storage/store.ts";
import { type StanzaError, stanzaError } from "../errors.ts";
import { Jid } from "../jid.ts";
import { defineModule, type Module } from "../modules/module.ts";
import { NS } from "../namespaces.ts";
import type { IqRequest } from "../router/dispatch.ts";
import type { Core } from "../router/routing.ts";
import type { Session } from "../session/session.ts";
import { attr, childrenOf, type IqReply, result, textOf } from "../stanza.ts";
import { pushItem, pushTo, rosterItemElement } from "./push.ts";
import { emptyItem, type Roster } from "./rosters.ts";
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
  const changes = await changesSince(core, owner, attr(payload, "ver"));
  const version = core.rosters.version(owner);
  const shown = new Map(items);
  // Pushes begin in the turn in which the result goes out; of what has changed since the lines above there is one each.
  const afterwards = (): void => {
    if (session === undefined) return;
    session.interested = true;
    for (const { contact, item, version } of changes ?? []) pushTo(session, contact, item, version);
    if (core.rosters.version(owner) !== version) pushDifference(core, session, shown);
  };
  if (changes !== undefined) return result(undefined, afterwards); // section 2.6.3: then each change as a push, in order
  // Section 2.6.3: the version, whether the client asked for it or not.
  const query = new Element("query", { xmlns: NS.roster, ver: String(version) });
  for (const item of shown.values()) if (item.inRoster) query.cnode(rosterItemElement(item));
  return result(query, afterwards);
}

// Undefined: send the whole roster, because the version is unknown or what the store told is old already.
async function changesSince(
  core: Core,
  owner: string,
  known: string | undefined,
): Promise<RosterDelta["changes"] | undefined> {
  if (known === undefined || !/^\d{1,15}$/.test(known)) return undefined;
  const delta = await core.store.roster.changesSince(owner, Number(known));
  return delta === undefined || delta.version < core.rosters.version(owner) ? undefined : delta.changes;
}

function pushDifference(core: Core, session: Session, shown: Roster): void {
  const owner = session.jid.bareString;
  const now = core.rosters.peek(owner) ?? shown;
  for (const contact of new Set([...shown.keys(), ...now.keys()])) {
    const item = now.get(contact);
    if (item !== shown.get(contact)) pushTo(session, contact, item, core.rosters.version(owner));
  }
}

async function setRoster(core: Core, subscriptions: Subscriptions, { payload, to }: IqRequest): Promise<IqReply> {
  const items = childrenOf(payload, "item", NS.roster);
  const item = items[0];
  if (items.length !== 1 || item === undefined) {
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
    const change = (before = emptyItem(contact.bareString)): RosterItem => ({ ...before, ...wanted, inRoster: true });
    await core.rosters.update(to.bareString, contact.bareString, change, ({ after, version }) =>
      pushItem(core.sessions, to.bareString, contact.bareString, after, version),
    );
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
    return stanzaError("not-acceptable", `a name may have ${nameCharacters} characters (limits.nameCharacters)`);
  }
  const groups = childrenOf(item, "group", NS.roster).map(textOf);
  if (groups.length > groupsPerItem) {
    return stanzaError("not-acceptable", `an item may have ${groupsPerItem} groups (limits.groupsPerItem)`);
  }
  for (const group of groups) {
    if (group === "") return stanzaError("not-acceptable", "a group has a name");
    if (group.length > nameCharacters) {
      return stanzaError(
        "not-acceptable",
        `a group's name may have ${nameCharacters} characters (limits.nameCharacters)`,
      );
    }
  }
  if (new Set(groups).size !== groups.length) return stanzaError("bad-request", "the same group twice");
  return { name, groups };
}
