// BALCONY_* variables: one for each setting, read by the setting's type.

import { ConfigError, closest } from "../config.ts";
import { environmentName, type Setting, settings } from "./settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;
export type Override = { readonly name: string; readonly path: readonly string[]; readonly value: unknown };

/** What the environment sets, in the schema's order. Throws ConfigError for unknown variables and unreadable values. */
export function environmentOverrides(env: Environment): Override[] {
  // What most starts find; building the list of all settings takes longer than checking a configuration.
  if (!Object.keys(env).some((name) => name.startsWith("BALCONY_"))) return [];
  const byName = new Map(settings().map((setting) => [environmentName(setting.path), setting]));
  const problems: string[] = [];
  for (const name of Object.keys(env)) {
    if (!name.startsWith("BALCONY_") || byName.has(name)) continue;
    const nearest = closest(name, [...byName.keys()]);
    const hint = nearest === undefined ? "docs/configuration.md lists them all" : `did you mean ${nearest}?`;
    problems.push(`${name}: no setting has this environment variable; ${hint}`);
  }
  const overrides: Override[] = [];
  for (const [name, setting] of byName) {
    const text = env[name];
    if (text === undefined) continue;
    const value = read(text, setting);
    if (value !== undefined) overrides.push({ name, path: setting.path, value });
    else problems.push(`${name}: must be ${inEnvironment(setting)}`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return overrides;
}

/** Undefined: it cannot be read as this kind; whether the value is allowed is for the schema to say. */
function read(text: string, { kind, nullable }: Setting): unknown {
  if (nullable && text === "null") return null;
  switch (kind) {
    case "text":
      return text;
    case "number": {
      const value = text.trim() === "" ? Number.NaN : Number(text);
      return Number.isFinite(value) ? value : undefined;
    }
    case "boolean":
      return text === "true" ? true : text === "false" ? false : undefined;
    case "list":
      return parts(text);
    case "names":
      return Object.fromEntries(parts(text).map((name) => [name, {}]));
  }
}

function inEnvironment({ kind, allowed }: Setting): string {
  return kind === "list" || kind === "names" ? "a list with commas between" : allowed;
}

function parts(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
