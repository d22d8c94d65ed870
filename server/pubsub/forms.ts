// Data forms (XEP-0004) of publish-subscribe: a node's configuration, its metadata, and the request to approve a subscriber
// (XEP-0060 1.30.0 sections 5.4, 8.2 and 8.6).

import { Element } from "ltx";
import type { PubsubNode } from "../../storage/store.ts";
import { NS } from "../namespaces.ts";
import { FIELDS, type NodeConfig } from "./node-config.ts";

/** @param type "form": to be filled in; "result": the values alone */
export function configForm(config: NodeConfig, type: "form" | "result"): Element {
  const form = dataForm(type, NS.pubsubNodeConfig);
  for (const [name, field] of FIELDS) {
    const values = field.write(config);
    if (type === "result" && values.length === 0) continue;
    const label = type === "form" ? { label: field.label } : {};
    const element = form.c("field", { var: `pubsub#${name}`, type: field.type, ...label });
    if (type === "form") for (const option of field.options ?? []) element.c("option").c("value").t(option);
    for (const value of values) element.c("value").t(value);
  }
  return form;
}

/** What anybody who may retrieve items may know of a node. */
export function metadataForm(node: PubsubNode, config: NodeConfig): Element {
  const form = dataForm("result", NS.pubsubMetaData);
  const add = (name: string, type: string, value: string): void => {
    if (value !== "")
      form
        .c("field", { var: `pubsub#${name}`, type })
        .c("value")
        .t(value);
  };
  add("type", "text-single", config.type);
  add("creator", "jid-single", node.owner);
  add("creation_date", "text-single", new Date(node.createdAt).toISOString());
  add("title", "text-single", config.title);
  add("description", "text-single", config.description);
  add("access_model", "list-single", config.accessModel);
  add("publish_model", "list-single", "publishers");
  add("max_items", "text-single", String(config.maxItems));
  add("owner", "jid-multi", node.owner);
  return form;
}

/** What the owner is asked when somebody wants to subscribe to a node whose access model is "authorize". */
export function authorizationForm(node: string, subscriber: string): Element {
  const form = dataForm("form", NS.pubsubAuthorization);
  form.c("field", { var: "pubsub#node", type: "text-single", label: "Node ID" }).c("value").t(node);
  form.c("field", { var: "pubsub#subscriber_jid", type: "jid-single", label: "Subscriber" }).c("value").t(subscriber);
  form
    .c("field", { var: "pubsub#allow", type: "boolean", label: "Allow this address to subscribe to the node?" })
    .c("value")
    .t("false");
  return form;
}

function dataForm(type: "form" | "result", formType: string): Element {
  const form = new Element("x", { xmlns: NS.dataForms, type });
  form.c("field", { var: "FORM_TYPE", type: "hidden" }).c("value").t(formType);
  return form;
}
