// XEP-0357 0.4.1: Push Notifications. A client that went away is told by its app server that something waits for it.

import { type Element, parse } from "ltx";
import type { PushService } from "../../storage/store.ts";
import { submittedForm } from "../archive/data-form.ts";
import type { Config } from "../config.ts";
import { stanzaError } from "../errors.ts";
import { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { originalOf } from "../router/carbons.ts";
import type { IqRequest } from "../router/dispatch.ts";
import type { Core } from "../router/routing.ts";
import type { Session } from "../session/session.ts";
import { attr, child, type IqReply, messageType, result } from "../stanza.ts";
import { serialize } from "../xml/serialize.ts";
import { defineModule, type Module } from "./module.ts";
import { isNotifiable, type Notice, noticeOf } from "./push-notification.ts";
import { PushServices } from "./push-services.ts";

/** Of what a client has not acknowledged when it is lost, so many of the newest are looked at. */
const LOOKED_AT = 100;

export function push(core: Core, config: Config["push"]): Module {
  const services = new PushServices(core, config);
  return defineModule({
    name: "push",
    spec: "XEP-0357 0.4.1",
    features: [{ var: NS.push, on: ["account"] }], // section 4.1
    setup: () => ({
      iq: [
        {
          type: "set",
          ns: NS.push,
          name: "enable",
          to: ["account"],
          handle: (request) => enable(core, services, config, request),
        },
        { type: "set", ns: NS.push, name: "disable", to: ["account"], handle: (request) => disable(services, request) },
      ],
      hooks: {
        notify: {
          received: (account, message, receivers) => received(core, services, account, message, receivers),
          detached: (session) => detached(core, services, session),
          accountDeleted: (account) => services.forget(account),
        },
      },
    }),
  });
}

// ---- enabling and disabling (sections 5 and 6)

async function enable(
  core: Core,
  services: PushServices,
  { optionsBytes }: Config["push"],
  { payload, from }: IqRequest,
): Promise<IqReply> {
  const jid = serviceAddress(payload);
  if (!(jid instanceof Jid)) return jid;
  if (core.component(jid.domainpart) === undefined) {
    return stanzaError("remote-server-not-found", `${jid.domainpart} cannot be reached from here`);
  }
  const form = submittedForm(payload, NS.pubsubPublishOptions);
  if ("kind" in form) return form;
  const x = child(payload, "x", NS.dataForms);
  const options = x === undefined ? "" : serialize(x);
  const node = attr(payload, "node") ?? "";
  if (Buffer.byteLength(node + options) > optionsBytes) {
    return stanzaError("policy-violation", `node and options have at most ${optionsBytes} bytes (push.optionsBytes)`);
  }
  const service = { jid: jid.toString(), node, resourcepart: from.resourcepart ?? "", options };
  return (await services.enable(from.bare(), service)) ?? result();
}

async function disable(services: PushServices, { payload, from }: IqRequest): Promise<IqReply> {
  const jid = serviceAddress(payload);
  if (!(jid instanceof Jid)) return jid;
  await services.disable(from.bare(), jid.toString(), attr(payload, "node"));
  return result();
}

function serviceAddress(payload: Element): Jid | IqReply {
  const text = attr(payload, "jid");
  if (text === undefined) return stanzaError("bad-request", "the push service's jid is missing");
  const parsed = Jid.parse(text);
  return parsed.ok ? parsed.value : stanzaError("jid-malformed", parsed.reason);
}

// ---- what is worth telling (section 7)

/**
 * A message for an account. A client that is there and inactive, or lost, is told of what it has got or will get; one that
 * has no session any more, of what its account got. Whose client is active is not told.
 */
function received(
  core: Core,
  services: PushServices,
  account: Jid,
  message: Element,
  receivers: readonly Session[],
): void | Promise<void> {
  const list = services.list(account);
  if ("length" in list && list.length === 0) return undefined; // most accounts have none
  return tellServices(core, services, account, message, receivers);
}

async function tellServices(
  core: Core,
  services: PushServices,
  account: Jid,
  message: Element,
  receivers: readonly Session[],
): Promise<void> {
  const from = attr(message, "from");
  if (from === undefined || Jid.fromTrusted(from).bareString === account.bareString) return;
  const ended = child(message, "pubsub", NS.pubsub);
  if (ended !== undefined) await endedByService(services, account, from, ended);
  if (!isNotifiable(message)) return;
  const personal = messageType(message) !== "groupchat"; // a room's go to who is in it
  for (const service of await services.list(account)) {
    const session = sessionOf(core, account, service.resourcepart);
    const wanted = session === undefined ? personal : session.clientState !== "active" && receivers.includes(session);
    if (wanted) tell(core, services, account, service, noticeOf(message, 1));
  }
}

// Nobody waits for what the app server answers.
function tell({ log }: Core, services: PushServices, account: Jid, service: PushService, notice: Notice): void {
  services.notify(account, service, notice).catch((err: unknown) => {
    log.error({ account: account.toString(), err }, "push-failed");
  });
}

function sessionOf({ sessions }: Core, account: Jid, resourcepart: string): Session | undefined {
  for (const session of sessions.of(account.bareString)) if (session.jid.resourcepart === resourcepart) return session;
  return undefined;
}

/** A connection is lost: what its client has not acknowledged may never have come. */
async function detached(core: Core, services: PushServices, { jid, management }: Session): Promise<void> {
  const account = jid.bare();
  const own = (await services.list(account)).filter(({ resourcepart }) => resourcepart === jid.resourcepart);
  if (own.length === 0) return;
  const waiting = (management?.remains() ?? [])
    .filter(({ delivery }) => delivery !== undefined) // of others nobody is waiting, like copies of what the user wrote
    .slice(-LOOKED_AT)
    .map(({ text }) => originalOf(parse(text) as Element))
    .filter((message) => isNotifiable(message) && !isFrom(account, message));
  const last = waiting.at(-1);
  if (last === undefined) return;
  for (const service of own) tell(core, services, account, service, noticeOf(last, waiting.length));
}

function isFrom(account: Jid, message: Element): boolean {
  return attr(message, "from")?.split("/", 1)[0] === account.bareString;
}

// Section 8: the service takes away the right to publish.
async function endedByService(services: PushServices, account: Jid, from: string, pubsub: Element): Promise<void> {
  const affiliation = child(pubsub, "affiliation", NS.pubsub);
  const node = attr(pubsub, "node");
  if (affiliation === undefined || node === undefined || attr(affiliation, "affiliation") !== "none") return;
  const enabled = (await services.list(account)).some((service) => service.jid === from && service.node === node);
  if (enabled && attr(affiliation, "jid") === account.bareString) await services.disable(account, from, node);
}
