// What the owner of an account asks of its nodes in the namespace of publish-subscribe: publish, retract, create (XEP-0060
// 1.30.0 sections 7 and 8.1).

import { Element } from "ltx";
import { submittedForm } from "../archive/data-form.ts";
import { type StanzaError, stanzaError } from "../errors.ts";
import { NS } from "../namespaces.ts";
import type { IqRequest } from "../router/dispatch.ts";
import { attr, child, childrenOf, elements, type IqReply, result } from "../stanza.ts";
import { isError, pubsubError } from "./errors.ts";
import { type NodeConfig, readFields } from "./node-config.ts";
import type { Done, Publication, Pubsub } from "./pubsub.ts";

/** The answer to a change, with the notifications behind it. */
export function answer({ session }: IqRequest, done: Done | StanzaError, payload?: Element): IqReply {
  if (isError(done)) return done;
  if (session !== undefined) return result(payload, () => done.tell());
  done.tell();
  return result(payload);
}

/** Section 7.1. */
export async function publish(pubsub: Pubsub, request: IqRequest, element: Element): Promise<IqReply> {
  const node = attr(element, "node");
  if (node === undefined) return pubsubError("bad-request", "nodeid-required");
  const items = childrenOf(element, "item", NS.pubsub);
  if (items.length > 1) return stanzaError("bad-request", "one item at a time"); // section 7.1.1
  const payloads = items.flatMap(elements);
  if (payloads.length > 1) return pubsubError("bad-request", "invalid-payload");
  const options = readPreconditions(pubsub, request.payload);
  if (isError(options)) return options;
  const id = items[0] && (attr(items[0], "id") || undefined);
  const publication: Publication = {
    owner: request.to,
    publisher: request.from,
    node,
    id,
    payload: payloads[0],
    item: items.length > 0,
    options,
    strict: true,
  };
  const keeper = pubsub.keepers.get(node);
  const done = await (keeper?.publish?.(publication) ?? pubsub.publish(publication));
  if (isError(done)) return done;
  const reply = new Element("pubsub", { xmlns: NS.pubsub });
  const published = reply.c("publish", { node });
  if (items.length > 0) published.c("item", { id: done.id });
  return answer(request, done, reply);
}

// Section 7.1.5: unknown fields are refused.
function readPreconditions(pubsub: Pubsub, payload: Element): Partial<NodeConfig> | StanzaError {
  const options = child(payload, "publish-options", NS.pubsub);
  if (options === undefined) return {};
  const form = submittedForm(options, NS.pubsubPublishOptions);
  if ("kind" in form) return form;
  const read = readFields(form, pubsub.config);
  if ("bad" in read) {
    return pubsubError("conflict", "precondition-not-met", { text: `${read.bad}: ${read.reason}` });
  }
  if (read.unknown.length === 0) return read.values;
  return stanzaError("not-acceptable", `there is no field ${read.unknown[0]?.slice(0, 100)}`);
}

/** Section 7.2. */
export async function retract(pubsub: Pubsub, request: IqRequest, element: Element): Promise<IqReply> {
  const node = attr(element, "node");
  if (node === undefined) return pubsubError("bad-request", "nodeid-required");
  const [item, ...others] = childrenOf(element, "item", NS.pubsub);
  const id = item && attr(item, "id");
  if (id === undefined || id === "") return pubsubError("bad-request", "item-required");
  if (others.length > 0) return stanzaError("bad-request", "one item at a time");
  const notify = ["1", "true"].includes(attr(element, "notify") ?? "");
  return answer(request, await pubsub.retract(request.to, node, id, notify));
}

/** Sections 8.1.2 and 8.1.3. */
export async function create(pubsub: Pubsub, request: IqRequest, element: Element): Promise<IqReply> {
  const configure = child(request.payload, "configure", NS.pubsub);
  if (configure !== undefined && attr(configure, "node") !== undefined) {
    return stanzaError("bad-request", "the name of the node stands in <create/>");
  }
  const options = configure === undefined ? {} : readConfiguration(pubsub, configure);
  if (isError(options)) return options;
  const name = await pubsub.create(request.to, attr(element, "node"), options);
  if (typeof name !== "string") return name;
  const reply = new Element("pubsub", { xmlns: NS.pubsub });
  reply.c("create", { node: name });
  return result(reply);
}

/** A submitted configuration; fields that are not known are passed over. Errors: bad-request, not-acceptable. */
export function readConfiguration(pubsub: Pubsub, parent: Element): Partial<NodeConfig> | StanzaError {
  const form = submittedForm(parent, NS.pubsubNodeConfig);
  if ("kind" in form) return form;
  const read = readFields(form, pubsub.config);
  if (!("bad" in read)) return read.values;
  const text = `${read.bad}: ${read.reason}`;
  return read.bad === "pubsub#access_model"
    ? pubsubError("not-acceptable", "unsupported-access-model", { text })
    : stanzaError("not-acceptable", text);
}
