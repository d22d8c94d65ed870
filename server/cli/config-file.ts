// Where the command line has its configuration from: a file, the environment, or the defaults for a trial.

import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ConfigError, type ConfigInput, parseConfig } from "../config.ts";
import { type Environment, environmentOverrides, type Override } from "./environment.ts";
import { Failure } from "./failure.ts";
import { findJsonError } from "./json-error.ts";

export type LoadedConfig = {
  /** Checked already; its relative paths were made absolute. */
  readonly config: ConfigInput;
  /** For a person: which file, or that there is none. */
  readonly source: string;
  /** The environment variables that had a part in it. */
  readonly variables: readonly string[];
};

type Json = { readonly [key: string]: unknown };

const TRIAL: ConfigInput = { gateway: { domains: { "example.net": {} } } };
const DEFAULT_FILE = "config.json";
const MAX_FILE_BYTES = 1_048_576;
const DATA_FOLDER = ["storage", "path"] as const;
/** The settings that name a file or folder: relative to the folder of the file that they stand in. */
const PATHS = [DATA_FOLDER, ["tls", "certificateFile"], ["tls", "keyFile"]] as const;

/**
 * Reads the file given, else config.json in `folder` if it is there, else takes the defaults for a trial; BALCONY_*
 * variables go before each of them.
 * Throws Failure (the file cannot be read) or ConfigError, whose lines name the file or the variable at fault.
 */
export function loadConfigFile(path: string | undefined, env: Environment, folder = process.cwd()): LoadedConfig {
  const overrides = environmentOverrides(env);
  const file = path ?? (existsSync(resolve(folder, DEFAULT_FILE)) ? DEFAULT_FILE : undefined);
  const base = file === undefined ? TRIAL : readJson(resolve(folder, file), file);
  const home = file === undefined ? folder : dirname(resolve(folder, file));
  // The default ./data, too, is relative to the file: it must not depend on where the command is called.
  const whole = at(base, DATA_FOLDER) === undefined ? set(base, DATA_FOLDER, "./data") : base;
  let input = absolutePaths(whole, home);
  for (const override of overrides) input = set(input, override.path, merged(override, input));
  input = absolutePaths(input, folder);
  check(input, overrides, file);
  return {
    config: input as ConfigInput,
    source: file ?? `built-in settings for a trial (there is no ${DEFAULT_FILE})`,
    variables: overrides.map(({ name }) => name),
  };
}

function readJson(file: string, shown: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8").replace(/^\ufeff/, "");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") throw new Failure(`there is no configuration file ${shown}; see config.example.json`);
    if (code === "EISDIR") throw new Failure(`${shown} is a folder; give the configuration file in it`);
    throw new Failure(`the configuration file ${shown} cannot be read (${code ?? String(error)})`);
  }
  if (text.length > MAX_FILE_BYTES)
    throw new Failure(`${shown} is over ${MAX_FILE_BYTES} characters: no configuration`);
  try {
    return JSON.parse(text);
  } catch {
    const { line, column, reason } = findJsonError(text);
    throw new ConfigError([`${shown}, line ${line}, column ${column}: ${reason}`]);
  }
}

function check(input: unknown, overrides: readonly Override[], file: string | undefined): void {
  try {
    parseConfig(input);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(
      error.problems.map((problem) => {
        const override = overrides.find(({ path }) => concerns(problem, path.join(".")));
        if (override !== undefined) return `${override.name}: ${problem}`;
        return file === undefined ? problem : `${file}: ${problem}`;
      }),
    );
  }
}

function concerns(problem: string, path: string): boolean {
  return problem.startsWith(`${path}:`) || problem.startsWith(`${path}.`);
}

/** Names from the environment choose the keys; what the file says of such a key stays. */
function merged({ path, value }: Override, input: unknown): unknown {
  const known = at(input, path);
  if (!isObject(value) || !isObject(known)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, empty]) => [name, known[name] ?? empty]));
}

function absolutePaths(input: unknown, folder: string): unknown {
  return PATHS.reduce((result, path) => {
    const value = at(result, path);
    return typeof value !== "string" || value === "" || value === ":memory:"
      ? result
      : set(result, path, resolve(folder, value));
  }, input);
}

function at(input: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((node, key) => (isObject(node) ? node[key] : undefined), input);
}

/** A changed copy; where the input is no object it stays as it is, for the schema to refuse. */
function set(input: unknown, path: readonly string[], value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (input !== undefined && !isObject(input)) return input;
  return { ...input, [key]: set(input?.[key], rest, value) };
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
