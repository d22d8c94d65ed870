// Every single setting of the configuration, read off its schema: for the environment and for checking the documents.

import { allowed } from "../config.ts";
import { configJsonSchema, type JsonSchema } from "../config-schema.ts";

export type Setting = {
  readonly path: readonly string[];
  /** "names": an object whose keys matter, like gateway.domains. */
  readonly kind: "text" | "number" | "boolean" | "list" | "names";
  readonly nullable: boolean;
  /** Undefined: it depends on another setting. */
  readonly default: unknown;
  /** For "must be ..." */
  readonly allowed: string;
  readonly description: string;
  /** Of kind "names": the settings of each, `DOMAIN` in the path standing for the name. They have no variables. */
  readonly each: readonly Setting[];
};

/** In the schema's order. */
export function settings(): Setting[] {
  return settingsUnder(configJsonSchema(), []);
}

/** The environment variable of a setting: BALCONY_C2S_DIRECT_TLS_PORT for c2s.directTlsPort. */
export function environmentName(path: readonly string[]): string {
  return ["BALCONY", ...path.map((key) => key.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase())].join("_");
}

function settingsUnder(node: JsonSchema, path: readonly string[]): Setting[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, inner]) => {
    const here = [...path, key];
    return inner.properties === undefined ? [settingAt(inner, here)] : settingsUnder(inner, here);
  });
}

function settingAt(node: JsonSchema, path: readonly string[]): Setting {
  const types = (node.anyOf ?? [node]).flatMap(({ type }) => type ?? []);
  return {
    path,
    kind: kindOf(types.find((type) => type !== "null")),
    nullable: types.includes("null"),
    default: node.default,
    allowed: allowed(node),
    description: node.description ?? "",
    each:
      typeof node.additionalProperties === "object"
        ? settingsUnder(node.additionalProperties, [...path, "DOMAIN"])
        : [],
  };
}

function kindOf(type: string | undefined): Setting["kind"] {
  switch (type) {
    case "integer":
    case "number":
      return "number";
    case "boolean":
      return "boolean";
    case "array":
      return "list";
    case "object":
      return "names";
    default:
      return "text";
  }
}
