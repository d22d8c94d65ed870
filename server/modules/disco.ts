// XEP-0030 2.5.0: Service Discovery, of the server and of accounts. What it says comes from the modules themselves.

import { Element } from "ltx";
import { stanzaError } from "../errors.ts";
import { NS } from "../namespaces.ts";
import type { IqRequest, IqTarget } from "../router/dispatch.ts";
import { attr, type IqReply, result } from "../stanza.ts";
import { type DiscoNode, defineModule, type Host } from "./module.ts";

export const disco = defineModule({
  name: "disco",
  spec: "XEP-0030 2.5.0",
  features: [
    { var: NS.discoInfo, on: ["domain", "account"] },
    { var: NS.discoItems, on: ["domain", "account"] },
  ],
  setup: (host) => ({
    iq: [
      {
        type: "get",
        ns: NS.discoInfo,
        name: "query",
        to: ["domain"],
        handle: async (request) =>
          (await node(request, host, "domain"))?.info(request) ?? info(request, host, "domain"),
      },
      {
        type: "get",
        ns: NS.discoInfo,
        name: "query",
        to: ["account"],
        allow: "subscriber",
        handle: async (request) =>
          (await node(request, host, "account"))?.info(request) ?? info(request, host, "account"),
      },
      {
        type: "get",
        ns: NS.discoItems,
        name: "query",
        to: ["domain"],
        handle: async (request) =>
          (await node(request, host, "domain"))?.items(request) ?? items(request, host, "domain"),
      },
      {
        type: "get",
        ns: NS.discoItems,
        name: "query",
        to: ["account"],
        allow: "subscriber",
        refusal: nothing, // section 8: a MUST, whether there is such an account or not
        handle: async (request) =>
          (await node(request, host, "account"))?.items(request) ?? items(request, host, "account"),
      },
    ],
  }),
});

async function node(request: IqRequest, host: Host, target: IqTarget): Promise<DiscoNode | undefined> {
  const name = attr(request.payload, "node");
  if (name === undefined) return undefined;
  return host.node?.(target, name) ?? host.findNode?.(target, name, request);
}

function unknownNode(request: IqRequest): IqReply | undefined {
  return attr(request.payload, "node") === undefined ? undefined : stanzaError("item-not-found");
}

async function info(request: IqRequest, host: Host, target: IqTarget): Promise<IqReply> {
  const refused = unknownNode(request);
  if (refused !== undefined) return refused;
  return result(await describe(request, host, target));
}

/** What the server or an account is, as disco#info says it: for the answer, and for its hash (XEP-0115). */
export async function describe(request: IqRequest, host: Host, target: IqTarget): Promise<Element> {
  const query = new Element("query", { xmlns: NS.discoInfo });
  if (target === "domain") query.c("identity", { category: "server", type: "im", name: "Balcony" });
  else query.c("identity", { category: "account", type: "registered" });
  const parts = host.discoParts(target);
  for (const identity of parts.flatMap(({ identities }) => identities ?? [])) query.c("identity", { ...identity });
  for (const feature of host.features(target)) query.c("feature", { var: feature });
  for (const part of parts) for (const form of (await part.forms?.(request)) ?? []) query.cnode(form);
  return query;
}

function nothing({ payload }: IqRequest): IqReply {
  const node = attr(payload, "node"); // section 3.2: mirrored
  return result(new Element("query", { xmlns: NS.discoItems, ...(node === undefined ? {} : { node }) }));
}

async function items(request: IqRequest, host: Host, target: IqTarget): Promise<IqReply> {
  const refused = unknownNode(request);
  if (refused !== undefined) return refused;
  const query = new Element("query", { xmlns: NS.discoItems });
  const services = target === "domain" ? host.services() : [];
  for (const { jid, name } of services) query.c("item", { jid: jid.toString(), name });
  for (const part of host.discoParts(target)) {
    for (const item of (await part.items?.(request)) ?? []) query.cnode(item);
  }
  return result(query);
}
