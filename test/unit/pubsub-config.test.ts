// Node configurations: XEP-0060 1.30.0 section 17.4.4, XEP-0163 1.2.2 section 6.

import { describe, expect, it } from "vitest";
import {
  DEFAULT_CONFIG,
  FIELDS,
  itemsKept,
  type NodeConfig,
  parseConfig,
  readFields,
  serializeConfig,
  unmet,
} from "../../server/pubsub/node-config.ts";

const LIMITS = { itemsPerNode: 1_000, itemBytes: 10_000 };
const form = (fields: Record<string, string | string[]>) =>
  new Map(Object.entries(fields).map(([name, values]) => [`pubsub#${name}`, [values].flat()]));
const read = (fields: Record<string, string | string[]>) => readFields(form(fields), LIMITS);

describe("XEP-0163 section 6: defaults", () => {
  it("presence, payloads, the last item on presence; one item that is kept", () => {
    expect(DEFAULT_CONFIG).toMatchObject({
      accessModel: "presence",
      deliverPayloads: true,
      deliverNotifications: true,
      sendLastPublishedItem: "on_sub_and_presence",
      notificationType: "headline",
      persistItems: true,
      maxItems: 1,
    });
  });
});

describe("XEP-0060 section 17.4.4: fields", () => {
  it("every field reads what it writes", () => {
    const other: NodeConfig = {
      title: "Tunes",
      description: "What I hear",
      type: "http://jabber.org/protocol/tune",
      accessModel: "roster",
      rosterGroupsAllowed: ["Friends", "Servants"],
      deliverNotifications: false,
      deliverPayloads: false,
      notifyConfig: true,
      notifyDelete: false,
      notifyRetract: false,
      persistItems: false,
      maxItems: 1_000,
      itemExpire: 604_800,
      maxPayloadSize: 1_028,
      sendLastPublishedItem: "never",
      notificationType: "normal",
      itemReply: "publisher",
      presenceBasedDelivery: false,
    };
    for (const config of [other, DEFAULT_CONFIG]) {
      const fields = new Map([...FIELDS].map(([name, field]) => [`pubsub#${name}`, field.write(config)]));
      expect(readFields(fields, LIMITS)).toEqual({ values: { ...config, ...without(config) }, unknown: [] });
      expect(parseConfig(serializeConfig(config))).toEqual(config);
    }
    expect(FIELDS.size).toBe(Object.keys(DEFAULT_CONFIG).length);
  });

  /** What is empty is not written, and so not read: but a list, which is emptied so. */
  function without(config: NodeConfig): object {
    return Object.fromEntries(
      ["title", "description", "type"].flatMap((k) => (config[k as "title"] === "" ? [[k, undefined]] : [])),
    );
  }

  it.each([
    [
      "boolean values in both spellings",
      { persist_items: "true", notify_delete: "0" },
      { persistItems: true, notifyDelete: false },
    ],
    [
      "max (section 11, config-node-max)",
      { max_items: "max", item_expire: "max" },
      { maxItems: "max", itemExpire: "max" },
    ],
    ["numbers", { max_items: "7" }, { maxItems: 7 }],
    ["a list, which may be empty", { roster_groups_allowed: [] }, { rosterGroupsAllowed: [] }],
    ["a list, each once", { roster_groups_allowed: ["a", "b", "a"] }, { rosterGroupsAllowed: ["a", "b"] }],
    ["what is not filled in stays", { access_model: [], title: [] }, {}],
    [
      "the one value of a field that is fixed",
      { publish_model: "publishers", node_type: "leaf", notify_sub: "false" },
      {},
    ],
  ])("%s", (_, fields, values) => {
    expect(read(fields as Record<string, string | string[]>)).toEqual({ values, unknown: [] });
  });

  it.each([
    { access_model: "everybody" },
    { persist_items: "yes" },
    { max_items: "0" },
    { max_items: "-1" },
    { max_items: "1001" },
    { max_items: "1e2" },
    { max_payload_size: "10001" },
    { item_expire: "9999999999" },
    { send_last_published_item: "always" },
    { notification_type: "chat" },
    { itemreply: "owner" },
    { publish_model: "open" },
    { node_type: "collection" },
    { tempsub: "1" },
    { title: "x".repeat(1_024) },
    { roster_groups_allowed: Array.from({ length: 65 }, (_, n) => `group ${n}`) },
  ])("%o is refused", (fields) => {
    expect(read(fields as unknown as Record<string, string>)).toMatchObject({
      bad: `pubsub#${Object.keys(fields)[0]}`,
    });
  });

  it("names of other fields are told, those without the prefix too", () => {
    expect(read({ colour: "red" })).toEqual({ values: {}, unknown: ["pubsub#colour"] });
    expect(readFields(new Map([["access_model", ["open"]]]), LIMITS)).toEqual({
      values: {},
      unknown: ["access_model"],
    });
  });
});

describe("XEP-0060 section 7.1.5: preconditions", () => {
  it.each<[string, Partial<NodeConfig>, string | undefined]>([
    ["none", {}, undefined],
    ["met", { accessModel: "presence", persistItems: true }, undefined],
    ["another access model", { persistItems: true, accessModel: "open" }, "pubsub#access_model"],
    ["max is not one", { maxItems: "max" }, "pubsub#max_items"],
    ["groups", { rosterGroupsAllowed: ["Friends"] }, "pubsub#roster_groups_allowed"],
  ])("%s", (_, wanted, field) => {
    expect(unmet(DEFAULT_CONFIG, wanted, LIMITS)).toBe(field);
  });

  it("max is the number that it stands for; the order of groups does not matter", () => {
    expect(unmet({ ...DEFAULT_CONFIG, maxItems: 1_000 }, { maxItems: "max" }, LIMITS)).toBeUndefined();
    expect(unmet({ ...DEFAULT_CONFIG, maxItems: "max" }, { maxItems: 1_000 }, LIMITS)).toBeUndefined();
    const groups = { ...DEFAULT_CONFIG, rosterGroupsAllowed: ["a", "b"] };
    expect(unmet(groups, { rosterGroupsAllowed: ["b", "a"] }, LIMITS)).toBeUndefined();
  });
});

it("what a node keeps: as many as it says, no more than the server allows, none if it does not persist", () => {
  expect(itemsKept({ ...DEFAULT_CONFIG, maxItems: "max" }, LIMITS)).toBe(1_000);
  expect(itemsKept({ ...DEFAULT_CONFIG, maxItems: 5 }, LIMITS)).toBe(5);
  expect(itemsKept({ ...DEFAULT_CONFIG, maxItems: 5_000 }, LIMITS)).toBe(1_000);
  expect(itemsKept({ ...DEFAULT_CONFIG, persistItems: false }, LIMITS)).toBe(0);
});
