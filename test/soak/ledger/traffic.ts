// What a device writes, and to whom.

import type { Random } from "../../fuzz/random.ts";
import type { Kind, Message } from "./message.ts";
import { messageId } from "./message.ts";
import type { WorldOptions } from "./world.ts";

export type Written = { readonly message: Message; readonly xml: string };

type Target = { readonly kind: Kind; readonly to: string; readonly type: string; readonly user?: string };

/** @param device "user/resource" */
export function compose(random: Random, options: WorldOptions, device: string, place: number): Written {
  const [user = "", resource = ""] = device.split("/");
  const { kind, to, type, user: recipient } = target(random, options, user);
  const id = messageId("d", user, resource, place);
  // Long ones now and then, so that connections break in the middle of them.
  const body = random.chance(0.1) ? `${id} ${random.word(1 + random.below(6_000))}` : id;
  const hint = kind === "no-store" ? "<no-store xmlns='urn:xmpp:hints'/>" : "";
  const xml = `<message to='${to}' type='${type}' id='${id}'><body>${body}</body><origin-id xmlns='urn:xmpp:sid:0' id='${id}'/>${hint}</message>`;
  return { message: { id, kind, sender: device, from: user, to: recipient, place }, xml };
}

function target(random: Random, options: WorldOptions, self: string): Target {
  const { domain, foreignDomain, users, resources, presentities } = options;
  const user = random.pick(users.filter((each) => each !== self));
  const bare = `${user}@${domain}`;
  const type = random.chance(0.8) ? "chat" : "normal";
  return random.weighted<() => Target>([
    [45, () => ({ kind: "chat", to: bare, type, user })],
    [15, () => ({ kind: "full", to: `${bare}/${random.pick(resources)}`, type: "chat", user })],
    [6, () => ({ kind: "self", to: `${self}@${domain}`, type: "chat", user: self })],
    [10, () => ({ kind: "no-store", to: bare, type, user })],
    [5, () => ({ kind: "refused", ...nowhere(random, options) })],
    [14, () => ({ kind: "to-foreign", to: `${random.pick(presentities)}@${foreignDomain}`, type })],
  ])();
}

function nowhere(random: Random, { domain, foreignDomain, users }: WorldOptions): { to: string; type: string } {
  return random.pick([
    { to: "somebody@unreachable.invalid", type: "chat" },
    { to: `nobody@${foreignDomain}`, type: "chat" },
    { to: `${random.pick(users)}@${domain}/nowhere`, type: "normal" }, // RFC 6121 section 8.5.3.2.1
  ]);
}
