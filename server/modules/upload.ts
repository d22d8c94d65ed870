// XEP-0363 1.2.0: HTTP File Upload, as a service on a domain of its own: slots for the accounts of this server.

import { Element } from "ltx";
import type { EpochMs } from "../clock.ts";
import { type StanzaError, stanzaError, stanzaErrorElement } from "../errors.ts";
import { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { type Core, isLocalUser, type RouteOutcome } from "../router/routing.ts";
import { attr, elements, errorReply, iqReply, namespaceOf, result } from "../stanza.ts";
import { PURPOSES, readSlotRequest } from "../upload/slot-request.ts";
import type { Slot, SlotRefusal, Uploads } from "../upload/uploads.ts";
import { defineModule, type Module } from "./module.ts";

const NAME = "HTTP File Upload";

export function uploadModule(core: Core, uploads: Uploads): Module {
  const service = Jid.fromTrusted(`upload.${core.domain.toString()}`);
  return defineModule({
    name: "upload",
    spec: "XEP-0363 1.2.0",
    setup: () => ({
      components: [
        {
          domainpart: service.domainpart,
          name: NAME,
          component: { handle: (stanza, from, to) => handle(core, uploads, stanza, from, to) },
        },
      ],
    }),
  });
}

async function handle(core: Core, uploads: Uploads, stanza: Element, from: Jid, to: Jid): Promise<RouteOutcome> {
  if (stanza.name === "presence") return undefined; // it has none, and wants none
  const type = attr(stanza, "type");
  if (stanza.name === "iq" && (type === "result" || type === "error")) return undefined;
  const payload = elements(stanza)[0];
  if (stanza.name !== "iq" || to.localpart !== undefined || payload === undefined || type !== "get") {
    return stanzaError("service-unavailable");
  }
  const answer = await answerTo(core, uploads, payload, from);
  if (answer instanceof Element) return core.route(iqReply(stanza, result(answer)), to);
  if (answer === "empty") return core.route(iqReply(stanza, result()), to);
  if (answer.detail === undefined) return answer.error;
  // An application-specific condition stands beside the defined one (RFC 6120 section 8.3.4).
  const reply = errorReply(stanza, answer.error);
  reply.children = [stanzaErrorElement(answer.error).cnode(answer.detail).up()];
  return core.route(reply, to);
}

type Refusal = { readonly error: StanzaError; readonly detail?: Element };

async function answerTo(
  core: Core,
  uploads: Uploads,
  payload: Element,
  from: Jid,
): Promise<Element | "empty" | Refusal> {
  switch (`${payload.name} ${namespaceOf(payload)}`) {
    case `query ${NS.discoInfo}`:
      return attr(payload, "node") === undefined ? info(uploads) : { error: stanzaError("item-not-found") };
    case `query ${NS.discoItems}`:
      return new Element("query", { xmlns: NS.discoItems });
    case `ping ${NS.ping}`:
      return "empty";
    case `request ${NS.upload}`:
      return slotFor(core, uploads, payload, from);
    default:
      return { error: stanzaError("service-unavailable") };
  }
}

// Section 3
function info(uploads: Uploads): Element {
  const query = new Element("query", { xmlns: NS.discoInfo });
  query.c("identity", { category: "store", type: "file", name: NAME });
  const purposes = PURPOSES.map((purpose) => `${NS.uploadPurpose}#${purpose}`);
  for (const feature of [NS.discoInfo, NS.discoItems, NS.ping, NS.upload, ...purposes]) {
    query.c("feature", { var: feature });
  }
  const form = query.c("x", { xmlns: NS.dataForms, type: "result" });
  form.c("field", { var: "FORM_TYPE", type: "hidden" }).c("value").t(NS.upload);
  form
    .c("field", { var: "max-file-size" })
    .c("value")
    .t(String(uploads.maxBytes("message")));
  return query;
}

// Sections 4 and 6
async function slotFor(core: Core, uploads: Uploads, payload: Element, from: Jid): Promise<Element | Refusal> {
  if (!isLocalUser(core, from)) return { error: stanzaError("forbidden", "only accounts of this server may upload") };
  const request = readSlotRequest(payload);
  if ("kind" in request) return { error: request };
  const slot = await uploads.slot(from.bareString, request);
  return "kind" in slot ? refused(slot) : slotElement(slot);
}

function slotElement({ put, get }: Slot): Element {
  const slot = new Element("slot", { xmlns: NS.upload });
  slot.c("put", { url: put });
  slot.c("get", { url: get });
  return slot;
}

function refused(refusal: SlotRefusal): Refusal {
  switch (refusal.kind) {
    case "past":
      return { error: stanzaError("bad-request", "expire-before is over") };
    case "too-large": {
      const detail = new Element("file-too-large", { xmlns: NS.upload });
      detail.c("max-file-size").t(String(refusal.maxBytes));
      const text = `File too large. The maximum file size is ${refusal.maxBytes} bytes`;
      return { error: stanzaError("not-acceptable", text), detail };
    }
    case "quota": {
      const error = stanzaError("resource-constraint", "Your quota is used up");
      if (refusal.next === null) return { error };
      return { error, detail: new Element("retry", { xmlns: NS.upload, stamp: stamp(refusal.next) }) };
    }
  }
}

// XEP-0082, rounded up: at that time there is room.
function stamp(at: EpochMs): string {
  return new Date(Math.ceil(at / 1000) * 1000).toISOString().replace(".000Z", "Z");
}
