// The configuration of a node (XEP-0060 1.30.0 section 17.4.4) with the defaults of a personal service (XEP-0163 1.2.2
// section 6): its fields as forms carry them, read, written and compared.

import { NS } from "../namespaces.ts";
import { ok, type Result, refuse } from "../result.ts";

export type AccessModel = "authorize" | "open" | "presence" | "roster" | "whitelist";

export type NodeConfig = {
  readonly title: string;
  readonly description: string;
  /** What the payloads mean; not necessarily their namespace. */
  readonly type: string;
  readonly accessModel: AccessModel;
  readonly rosterGroupsAllowed: readonly string[];
  readonly deliverNotifications: boolean;
  readonly deliverPayloads: boolean;
  readonly notifyConfig: boolean;
  readonly notifyDelete: boolean;
  readonly notifyRetract: boolean;
  readonly persistItems: boolean;
  /** "max": as many as the server allows. */
  readonly maxItems: number | "max";
  /** Seconds; "max": they stay. */
  readonly itemExpire: number | "max";
  /** Bytes. */
  readonly maxPayloadSize: number | "max";
  readonly sendLastPublishedItem: "never" | "on_sub" | "on_sub_and_presence";
  readonly notificationType: "normal" | "headline";
  readonly itemReply: "none" | "publisher";
  readonly presenceBasedDelivery: boolean;
};

/** What the server allows. */
export type ConfigLimits = { readonly itemsPerNode: number; readonly itemBytes: number };

/** XEP-0163 section 6 says which of them a personal service must have; one item is what its nodes are for. */
export const DEFAULT_CONFIG: NodeConfig = {
  title: "",
  description: "",
  type: "",
  accessModel: "presence",
  rosterGroupsAllowed: [],
  deliverNotifications: true,
  deliverPayloads: true,
  notifyConfig: false,
  notifyDelete: true,
  notifyRetract: true,
  persistItems: true,
  maxItems: 1,
  itemExpire: "max",
  maxPayloadSize: "max",
  sendLastPublishedItem: "on_sub_and_presence",
  notificationType: "headline",
  itemReply: "none",
  presenceBasedDelivery: true,
};

/** Of a node that is for the owner's own clients alone. Source: XEP-0223 1.1.1 section 4, XEP-0402 1.2.0 section 3.3. */
export const PRIVATE_CONFIG = {
  persistItems: true,
  accessModel: "whitelist",
  maxItems: "max",
  sendLastPublishedItem: "never",
} as const satisfies Partial<NodeConfig>;

/** Nodes that nobody else must see, whether the client that makes them says so or not (XEP-0490 1.0.1 section 5.2). */
const PRIVATE_NODES: ReadonlyMap<string, Partial<NodeConfig>> = new Map<string, Partial<NodeConfig>>([
  [NS.bookmarks, PRIVATE_CONFIG],
  [NS.displayed, PRIVATE_CONFIG],
  [NS.bookmarkStorage, { accessModel: "whitelist" }],
]);

/** What a node is like for which nothing else is said. */
export function defaultConfig(node: string): NodeConfig {
  return { ...DEFAULT_CONFIG, ...PRIVATE_NODES.get(node) };
}

const MOST_CHARACTERS = 1_023;
const MOST_GROUPS = 64;
const MOST_SECONDS = 3_155_760_000; // a hundred years

export type FieldType = "boolean" | "list-single" | "list-multi" | "text-single";

export type Field = {
  readonly type: FieldType;
  readonly label: string;
  readonly options?: readonly string[];
  read(values: readonly string[], limits: ConfigLimits): Result<Partial<NodeConfig>>;
  write(config: NodeConfig): readonly string[];
};

type KeysOf<T> = { [K in keyof NodeConfig]: NodeConfig[K] extends T ? K : never }[keyof NodeConfig];

/** By the name behind "pubsub#". */
export const FIELDS: ReadonlyMap<string, Field> = new Map<string, Field>([
  ["title", text("title", "A friendly name for the node")],
  ["description", text("description", "A description of the node")],
  ["type", text("type", "What the payloads mean, usually their namespace")],
  [
    "access_model",
    choice("accessModel", "Who may subscribe and retrieve items", [
      "authorize",
      "open",
      "presence",
      "roster",
      "whitelist",
    ]),
  ],
  [
    "roster_groups_allowed",
    {
      type: "list-multi",
      label: "The roster groups that may subscribe and retrieve items",
      read: (values) =>
        values.length > MOST_GROUPS || values.some(({ length }) => length > MOST_CHARACTERS)
          ? refuse(`at most ${MOST_GROUPS} groups of ${MOST_CHARACTERS} characters`)
          : ok({ rosterGroupsAllowed: [...new Set(values)] }),
      write: ({ rosterGroupsAllowed }) => rosterGroupsAllowed,
    },
  ],
  ["deliver_notifications", flag("deliverNotifications", "Deliver event notifications")],
  ["deliver_payloads", flag("deliverPayloads", "Deliver payloads with event notifications")],
  ["notify_config", flag("notifyConfig", "Notify subscribers when the node configuration changes")],
  ["notify_delete", flag("notifyDelete", "Notify subscribers when the node is deleted")],
  ["notify_retract", flag("notifyRetract", "Notify subscribers when items are removed from the node")],
  ["persist_items", flag("persistItems", "Keep items")],
  ["max_items", amount("maxItems", "The most items to keep, or max", ({ itemsPerNode }) => itemsPerNode)],
  ["item_expire", amount("itemExpire", "Seconds after which items are removed, or max", () => MOST_SECONDS)],
  ["max_payload_size", amount("maxPayloadSize", "The most bytes of a payload, or max", ({ itemBytes }) => itemBytes)],
  [
    "send_last_published_item",
    choice("sendLastPublishedItem", "When to send the last published item", ["never", "on_sub", "on_sub_and_presence"]),
  ],
  ["notification_type", choice("notificationType", "The type of notifications", ["normal", "headline"])],
  ["itemreply", choice("itemReply", "Whose address stands in an item", ["none", "publisher"])],
  ["presence_based_delivery", flag("presenceBasedDelivery", "Deliver notifications to available users only")],
]);

/** Fields that have one value here; another one is refused. */
const FIXED: ReadonlyMap<string, readonly string[]> = new Map([
  ["node_type", ["leaf"]],
  ["publish_model", ["publishers"]],
  ["subscribe", ["1", "true"]],
  ["notify_sub", ["0", "false"]],
  ["purge_offline", ["0", "false"]],
  ["tempsub", ["0", "false"]],
]);

/** A form's fields, which have been read. */
export type ReadFields = {
  readonly values: Partial<NodeConfig>;
  /** Names that are no fields of a node. */
  readonly unknown: readonly string[];
};

export type BadField = { readonly bad: string; readonly reason: string };

/** @param form values by name, with "pubsub#" in front */
export function readFields(form: ReadonlyMap<string, readonly string[]>, limits: ConfigLimits): ReadFields | BadField {
  let values: Partial<NodeConfig> = {};
  const unknown: string[] = [];
  for (const [name, given] of form) {
    const short = name.startsWith("pubsub#") ? name.slice("pubsub#".length) : "";
    const fixed = FIXED.get(short);
    const field = FIELDS.get(short);
    if (fixed !== undefined) {
      if (given.length > 0 && !fixed.includes(given[0] as string)) {
        return { bad: name, reason: `is ${fixed.at(-1)} here` };
      }
    } else if (field === undefined) unknown.push(name);
    else if (given.length > 0 || field.type === "list-multi") {
      const read = field.read(given, limits);
      if (!read.ok) return { bad: name, reason: read.reason };
      values = { ...values, ...read.value };
    }
  }
  return { values, unknown };
}

/** The first field in which a node is not as is wanted; undefined: it is. */
export function unmet(config: NodeConfig, wanted: Partial<NodeConfig>, limits: ConfigLimits): string | undefined {
  for (const [name, field] of FIELDS) {
    const [is, should] = [field.write(config), field.write({ ...config, ...wanted })];
    if (!sameValues(resolved(name, is, limits), resolved(name, should, limits))) return `pubsub#${name}`;
  }
  return undefined;
}

// "max" is the same as the number that it stands for.
function resolved(name: string, values: readonly string[], limits: ConfigLimits): readonly string[] {
  if (name === "max_items") return values.map((value) => (value === "max" ? String(limits.itemsPerNode) : value));
  if (name === "max_payload_size") return values.map((value) => (value === "max" ? String(limits.itemBytes) : value));
  return values;
}

function sameValues(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value) => b.includes(value));
}

export function parseConfig(json: string): NodeConfig {
  return { ...DEFAULT_CONFIG, ...JSON.parse(json) };
}

export function serializeConfig(config: NodeConfig): string {
  return JSON.stringify(config);
}

/** How many items a node keeps. */
export function itemsKept({ persistItems, maxItems }: NodeConfig, { itemsPerNode }: ConfigLimits): number {
  if (!persistItems) return 0;
  return maxItems === "max" ? itemsPerNode : Math.min(maxItems, itemsPerNode);
}

// ---- kinds of fields

function text(key: KeysOf<string> & ("title" | "description" | "type"), label: string): Field {
  return {
    type: "text-single",
    label,
    read: ([value = ""]) =>
      value.length > MOST_CHARACTERS ? refuse(`at most ${MOST_CHARACTERS} characters`) : ok({ [key]: value }),
    write: (config) => (config[key] === "" ? [] : [config[key]]),
  };
}

function flag(key: KeysOf<boolean>, label: string): Field {
  return {
    type: "boolean",
    label,
    read: ([value = ""]) => {
      if (value === "1" || value === "true") return ok({ [key]: true });
      if (value === "0" || value === "false") return ok({ [key]: false });
      return refuse("neither true nor false");
    },
    write: (config) => [config[key] ? "1" : "0"],
  };
}

function choice<K extends KeysOf<string>>(key: K, label: string, options: readonly (NodeConfig[K] & string)[]): Field {
  return {
    type: "list-single",
    label,
    options,
    read: ([value = ""]) =>
      (options as readonly string[]).includes(value) ? ok({ [key]: value }) : refuse(`one of ${options.join(", ")}`),
    write: (config) => [config[key] as string],
  };
}

function amount(
  key: "maxItems" | "itemExpire" | "maxPayloadSize",
  label: string,
  most: (limits: ConfigLimits) => number,
): Field {
  return {
    type: "text-single",
    label,
    read: ([value = ""], limits) => {
      if (value === "max") return ok({ [key]: "max" });
      const number = /^\d{1,12}$/.test(value) ? Number(value) : 0;
      return number >= 1 && number <= most(limits)
        ? ok({ [key]: number })
        : refuse(`max, or a number from 1 to ${most(limits)}`);
    },
    write: (config) => [String(config[key])],
  };
}
