// XEP-0163 1.2.2 over XEP-0060 1.30.0: every account is a publish-subscribe service of its own, which its owner publishes to
// and whoever may retrieves from. With the options that XEP-0222 and XEP-0223 ask for.

import type { Element } from "ltx";
import { stanzaError } from "../errors.ts";
import type { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import type { Capabilities } from "../presence/caps.ts";
import { discoNode, nodeItems } from "../pubsub/discovery.ts";
import { unsupported } from "../pubsub/errors.ts";
import { ownerGet, ownerSet } from "../pubsub/owner-requests.ts";
import { create, publish, retract } from "../pubsub/publish-requests.ts";
import type { Pubsub } from "../pubsub/pubsub.ts";
import { retrieveItems } from "../pubsub/retrieve.ts";
import { authorizationOf, ownList, setSubscriptions, subscribe, unsubscribe } from "../pubsub/subscribers.ts";
import type { IqRequest } from "../router/dispatch.ts";
import type { Verdict } from "../router/hooks.ts";
import { elements, type IqReply, namespaceOf } from "../stanza.ts";
import { type DiscoFeature, defineModule, type Module } from "./module.ts";

/** XEP-0060 section 11: those that work; of the access models the default one is named. */
const FEATURES = [
  "access-presence",
  "auto-create",
  "auto-subscribe",
  "config-node",
  "config-node-max",
  "create-and-configure",
  "create-nodes",
  "delete-items",
  "delete-nodes",
  "filtered-notifications",
  "instant-nodes",
  "item-ids",
  "last-published",
  "manage-subscriptions",
  "member-affiliation",
  "meta-data",
  "modify-affiliations",
  "multi-items",
  "outcast-affiliation",
  "persistent-items",
  "presence-subscribe",
  "publish",
  "publish-options",
  "pubsub-on-a-jid",
  "purge-nodes",
  "retract-items",
  "retrieve-affiliations",
  "retrieve-default",
  "retrieve-items",
  "retrieve-subscriptions",
  "rsm",
  "subscribe",
];

const PUBLISH_OPTIONS = `${NS.pubsub}#publish-options`;

const features: readonly DiscoFeature[] = [
  { var: NS.pubsub, on: ["account"] },
  ...FEATURES.map((name) => `${NS.pubsub}#${name}`).map(
    // XEP-0222 and XEP-0223 section 5: clients also look at the server for it.
    (name): DiscoFeature => ({ var: name, on: name === PUBLISH_OPTIONS ? ["domain", "account"] : ["account"] }),
  ),
];

export function pepModule(pubsub: Pubsub, capabilities: Capabilities): Module {
  const { notifier, core } = pubsub;
  return defineModule({
    name: "pep",
    spec: "XEP-0163 1.2.2",
    features,
    setup() {
      capabilities.onInterest((session, names) => {
        notifier.greet(session, names).catch((err: unknown) => core.log.error({ err }, "last-items-failed"));
      });
      return {
        iq: [
          {
            type: "get",
            ns: NS.pubsub,
            name: "pubsub",
            to: ["account"],
            allow: "anyone",
            handle: (r) => get(pubsub, r),
          },
          {
            type: "set",
            ns: NS.pubsub,
            name: "pubsub",
            to: ["account"],
            allow: "anyone",
            handle: (r) => set(pubsub, r),
          },
          {
            type: "get",
            ns: NS.pubsubOwner,
            name: "pubsub",
            to: ["account"],
            refusal: "forbidden", // XEP-0060 section 8: to whoever is not an owner
            handle: (request) => withFirst(request, (element) => ownerGet(pubsub, request, element)),
          },
          {
            type: "set",
            ns: NS.pubsubOwner,
            name: "pubsub",
            to: ["account"],
            refusal: "forbidden",
            handle: (request) => withFirst(request, (element) => ownerSet(pubsub, request, element)),
          },
        ],
        disco: [
          {
            on: ["domain", "account"],
            identities: [{ category: "pubsub", type: "pep" }],
          },
          { on: ["account"], items: (request) => nodeItems(pubsub, request) },
        ],
        openNodes: [{ on: ["account"], find: (name, request) => discoNode(pubsub, name, request) }],
        hooks: {
          notify: {
            subscribed: (user, contact) => notifier.subscribed(user, contact),
            accountDeleted: (account) => pubsub.forget(account),
          },
          filter: { outbound: (stanza, from, to) => authorized(pubsub, stanza, from, to) },
        },
      };
    },
  });
}

function get(pubsub: Pubsub, request: IqRequest): IqReply | Promise<IqReply> {
  return withFirst(request, (element) => {
    switch (element.name) {
      case "items":
        return retrieveItems(pubsub, request, element);
      case "subscriptions":
      case "affiliations":
        return ownList(pubsub, request, element);
      case "options":
        return unsupported("subscription-options");
      case "default":
        return unsupported("retrieve-default-sub");
      default:
        return stanzaError("feature-not-implemented");
    }
  });
}

function set(pubsub: Pubsub, request: IqRequest): IqReply | Promise<IqReply> {
  return withFirst(request, (element) => {
    switch (element.name) {
      case "subscribe":
        return subscribe(pubsub, request, element);
      case "unsubscribe":
        return unsubscribe(pubsub, request, element);
      case "options":
        return unsupported("subscription-options");
      case "publish":
      case "retract":
      case "create": {
        // XEP-0163 section 3.2: nobody else publishes; the answer does not depend on there being such an account.
        if (request.from.bareString !== request.to.bareString) return stanzaError("forbidden");
        const handle = element.name === "publish" ? publish : element.name === "retract" ? retract : create;
        return handle(pubsub, request, element);
      }
      default:
        return stanzaError("feature-not-implemented");
    }
  });
}

// What is asked stands first; options and the like follow it.
function withFirst(
  { payload }: IqRequest,
  handle: (element: Element) => IqReply | Promise<IqReply>,
): IqReply | Promise<IqReply> {
  const first = elements(payload).find((element) => namespaceOf(element) === namespaceOf(payload));
  return first === undefined ? stanzaError("bad-request") : handle(first);
}

// XEP-0060 section 8.6: an owner's answer goes to the service, which has the owner's own address.
function authorized(pubsub: Pubsub, stanza: Element, from: Jid, to: Jid): Verdict | Promise<Verdict> {
  if (stanza.name !== "message" || !to.isBare || from.isBare || to.bareString !== from.bareString) return "pass";
  const answer = authorizationOf(stanza);
  if (answer === undefined) return "pass";
  return setSubscriptions(pubsub, to, answer.node, [answer.wanted]).then((): Verdict => "drop");
}
