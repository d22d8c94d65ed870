// Who may retrieve and subscribe: XEP-0060 1.30.0 sections 4.1, 4.5, 6.1.3, 6.5 and 9.1 as tables.

import { describe, expect, it } from "vitest";
import { type Asker, isNotified, mayRetrieve, maySubscribe } from "../../server/pubsub/access.ts";
import type { AccessModel } from "../../server/pubsub/node-config.ts";

const STRANGER: Asker = {
  isOwner: false,
  isKnown: false,
  seesPresence: false,
  groups: [],
  affiliation: "none",
  subscription: "none",
};
const ASKERS: Record<string, Asker> = {
  owner: { ...STRANGER, isOwner: true, isKnown: true, affiliation: "owner" },
  stranger: STRANGER,
  known: { ...STRANGER, isKnown: true, groups: ["Friends"] },
  contact: { ...STRANGER, isKnown: true, seesPresence: true, groups: ["Servants"] },
  friend: { ...STRANGER, isKnown: true, seesPresence: true, groups: ["Family", "Friends"] },
  member: { ...STRANGER, affiliation: "member" },
  outcast: { ...STRANGER, isKnown: true, seesPresence: true, groups: ["Friends"], affiliation: "outcast" },
  subscriber: { ...STRANGER, subscription: "subscribed" },
  pending: { ...STRANGER, subscription: "pending" },
};
const PRESENCE = "presence-subscription-required";
const GROUP = "not-in-roster-group";

// Columns: the access models. Strangers must not learn of a node that is not for everybody: "hidden".
const RETRIEVE: [
  asker: string,
  open: string,
  presence: string,
  roster: string,
  whitelist: string,
  authorize: string,
][] = [
  ["owner", "allowed", "allowed", "allowed", "allowed", "allowed"],
  ["stranger", "allowed", "hidden", "hidden", "hidden", "not-subscribed"],
  ["known", "allowed", PRESENCE, GROUP, "closed-node", "not-subscribed"],
  ["contact", "allowed", "allowed", GROUP, "closed-node", "not-subscribed"],
  ["friend", "allowed", "allowed", "allowed", "closed-node", "not-subscribed"],
  ["member", "allowed", "allowed", "allowed", "allowed", "allowed"],
  ["outcast", "outcast", "outcast", "outcast", "outcast", "outcast"],
  ["subscriber", "allowed", "hidden", "hidden", "hidden", "allowed"],
  ["pending", "allowed", "hidden", "hidden", "hidden", "not-subscribed"],
];
const MODELS: readonly AccessModel[] = ["open", "presence", "roster", "whitelist", "authorize"];
const rule = (accessModel: AccessModel) => ({ accessModel, rosterGroupsAllowed: ["Friends"] });
const asker = (name: string): Asker => ASKERS[name] as Asker;

describe("XEP-0060 sections 4.5 and 6.5.1: retrieving items", () => {
  it.each(RETRIEVE)("%s", (name, ...expected) => {
    expect(MODELS.map((model) => mayRetrieve(rule(model), asker(name)))).toEqual(expected);
  });
});

describe("XEP-0060 section 6.1: subscribing", () => {
  it.each(RETRIEVE)("%s: the same, but that one may ask to be authorized", (name, ...expected) => {
    const last =
      expected[4] === "not-subscribed" ? (name === "pending" ? "pending-subscription" : "approval") : expected[4];
    expect(MODELS.map((model) => maySubscribe(rule(model), asker(name)))).toEqual([...expected.slice(0, 4), last]);
  });
});

describe("XEP-0060 section 9.1: who is notified without having subscribed", () => {
  it.each([
    ["owner", [true, true, true, true, true]],
    ["stranger", [false, false, false, false, false]],
    ["known", [false, false, false, false, false]],
    ["contact", [true, true, false, false, false]],
    ["friend", [true, true, true, false, false]],
    ["member", [false, false, false, false, false]],
    ["outcast", [false, false, false, false, false]],
    ["subscriber", [false, false, false, false, false]],
  ])("%s", (name, expected) => {
    expect(MODELS.map((model) => isNotified(rule(model), asker(name)))).toEqual(expected);
  });

  it("a member who sees the owner's presence is, whatever the model", () => {
    const friendly: Asker = { ...STRANGER, seesPresence: true, affiliation: "member" };
    expect(MODELS.map((model) => isNotified(rule(model), friendly))).toEqual([true, true, true, true, true]);
  });
});
