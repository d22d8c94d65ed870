// XEP-0490 1.0.1: how far chats have been displayed is items of a private node, which any client can publish (modules/pep.ts).
// Section 4.5, server assist: a marker for the contact brings the item along.

import type { Element } from "ltx";
import { NS } from "../namespaces.ts";
import { isError } from "../pubsub/errors.ts";
import type { Pubsub } from "../pubsub/pubsub.ts";
import type { Session } from "../session/session.ts";
import { attr, namespaceOf } from "../stanza.ts";
import { withChildren } from "../xml/serialize.ts";
import { defineModule, type Module } from "./module.ts";

export function displayedModule(pubsub: Pubsub): Module {
  return defineModule({
    name: "displayed",
    spec: "XEP-0490 1.0.1",
    features: [{ var: NS.displayedAssist, on: ["account"] }], // section 4.5.2
    setup: () => ({ hooks: { rewrite: { message: (stanza, session) => assist(pubsub, stanza, session) } } }),
  });
}

// The client waits for the node to be written, as it would with a publication of its own.
function assist(pubsub: Pubsub, stanza: Element, session: Session): Element | Promise<Element> {
  const nodes = stanza.children as (Element | string)[];
  const displayed = nodes.find(isDisplayed);
  if (displayed === undefined) return stanza;
  // Section 5.2: before anything keeps it or sends it on, and whatever comes of it.
  const stripped = withChildren(
    stanza,
    nodes.filter((node) => !isDisplayed(node)),
  );
  const chat = attr(stanza, "to");
  if (chat === undefined || attr(stanza, "type") === "error") return stripped;
  return publish(pubsub, session, chat, displayed).then(() => stripped);
}

async function publish(pubsub: Pubsub, { jid }: Session, chat: string, displayed: Element): Promise<void> {
  const { log } = pubsub.core;
  try {
    const publication = { owner: jid.bare(), node: NS.displayed, publisher: jid, id: chat, payload: displayed };
    const done = await pubsub.publish(publication);
    if (isError(done)) log.debug({ account: jid.bareString, condition: done.condition }, "displayed-not-published");
    else done.tell();
  } catch (err) {
    log.error({ account: jid.bareString, err }, "displayed-failed");
  }
}

function isDisplayed(node: Element | string): node is Element {
  return typeof node !== "string" && node.name === "displayed" && namespaceOf(node) === NS.displayed;
}
