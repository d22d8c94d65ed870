// Stanzas for the gateway's domains: who handles which.

import { Element } from "ltx";
import { type StanzaError, stanzaError } from "../server/errors.ts";
import type { Jid } from "../server/jid.ts";
import { NS } from "../server/namespaces.ts";
import { attr, elements, iqReply, namespaceOf, presenceType, result } from "../server/stanza.ts";
import type { CppSubscriptions } from "./cpp-subscriptions.ts";
import type { GatewayCore } from "./host.ts";
import type { MessageOperations } from "./message-operations.ts";
import type { Watchers } from "./watchers.ts";

type Outcome = StanzaError | undefined;

export type GatewayParts = {
  readonly watchers: Watchers;
  readonly subscriptions: CppSubscriptions;
  readonly messages: MessageOperations;
};

/** A stanza whose `from` is a user of this server. Errors: those of RFC 3922 section 6. */
export async function handleStanza(
  core: GatewayCore,
  parts: GatewayParts,
  stanza: Element,
  from: Jid,
  to: Jid,
  accepted: () => void,
): Promise<Outcome> {
  const user = from.bare();
  const address = to.bare();
  if (stanza.name === "iq") return answerIq(core, stanza, to);
  // Errors about the domain itself and what a presentity never asked for have no counterpart.
  if (to.localpart === undefined) return stanza.name === "message" ? stanzaError("service-unavailable") : undefined;
  if (stanza.name === "message") return parts.messages.toForeign(user, address, stanza, accepted);
  switch (presenceType(stanza)) {
    case "available":
    case "unavailable":
      await parts.subscriptions.presenceChanged(user, address, stanza, from);
      return undefined;
    case "subscribe":
      return parts.watchers.subscribe(user, address, stanza);
    case "unsubscribe":
      return parts.watchers.unsubscribe(user, address, stanza);
    case "subscribed":
      await parts.subscriptions.approved(user, address);
      return undefined;
    case "unsubscribed":
      await parts.subscriptions.refused(user, address, stanza);
      return undefined;
    case "probe":
      return parts.watchers.fetch(user, address, stanza);
    default:
      return undefined;
  }
}

// A gateway domain answers discovery and pings for itself; a presentity has no XMPP client that could answer.
async function answerIq(core: GatewayCore, stanza: Element, to: Jid): Promise<Outcome> {
  const type = attr(stanza, "type");
  if (type === "result" || type === "error") return undefined;
  const payload = elements(stanza)[0];
  if (to.localpart !== undefined || type !== "get" || payload === undefined) return stanzaError("service-unavailable");
  const ns = namespaceOf(payload);
  let reply: Element | undefined;
  if (ns === NS.discoInfo && payload.name === "query") {
    if (attr(payload, "node") !== undefined) return stanzaError("item-not-found");
    reply = new Element("query", { xmlns: NS.discoInfo });
    reply.c("identity", { category: "gateway", type: "cpim", name: "CPIM presence service" });
    for (const feature of [NS.discoInfo, NS.discoItems, NS.ping]) reply.c("feature", { var: feature });
  } else if (ns === NS.discoItems && payload.name === "query") {
    reply = new Element("query", { xmlns: NS.discoItems });
  } else if (!(ns === NS.ping && payload.name === "ping")) {
    return stanzaError("service-unavailable");
  }
  await core.route(iqReply(stanza, result(reply)), to);
  return undefined;
}
