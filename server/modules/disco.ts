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
        handle: (request) => node(request, host, "domain")?.info(request) ?? info(request, host, "domain"),
      },
      {
        type: "get",
        ns: NS.discoInfo,
        name: "query",
        to: ["account"],
        allow: "subscriber",
        handle: (request) => node(request, host, "account")?.info(request) ?? info(request, host, "account"),
      },
      {
        type: "get",
        ns: NS.discoItems,
        name: "query",
        to: ["domain"],
        handle: (request) => node(request, host, "domain")?.items(request) ?? items(request, host),
      },
      {
        type: "get",
        ns: NS.discoItems,
        name: "query",
        to: ["account"],
        allow: "subscriber",
        refusal: nothing, // section 8: a MUST, whether there is such an account or not
        handle: (request) => node(request, host, "account")?.items(request) ?? unknownNode(request) ?? nothing(request),
      },
    ],
  }),
});

function node({ payload }: IqRequest, host: Host, target: IqTarget): DiscoNode | undefined {
  const name = attr(payload, "node");
  return name === undefined ? undefined : host.node?.(target, name);
}

function unknownNode(request: IqRequest): IqReply | undefined {
  return attr(request.payload, "node") === undefined ? undefined : stanzaError("item-not-found");
}

function info(request: IqRequest, host: Host, target: IqTarget): IqReply {
  const refused = unknownNode(request);
  if (refused !== undefined) return refused;
  const query = new Element("query", { xmlns: NS.discoInfo });
  if (target === "domain") query.c("identity", { category: "server", type: "im", name: "Balcony" });
  else query.c("identity", { category: "account", type: "registered" });
  for (const feature of host.features(target)) query.c("feature", { var: feature });
  return result(query);
}

function nothing({ payload }: IqRequest): IqReply {
  const node = attr(payload, "node"); // section 3.2: mirrored
  return result(new Element("query", { xmlns: NS.discoItems, ...(node === undefined ? {} : { node }) }));
}

function items(request: IqRequest, host: Host): IqReply {
  const refused = unknownNode(request);
  if (refused !== undefined) return refused;
  const query = new Element("query", { xmlns: NS.discoItems });
  for (const { jid, name } of host.services()) query.c("item", { jid: jid.toString(), name });
  return result(query);
}
