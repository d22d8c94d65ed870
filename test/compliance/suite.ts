// XEP-0479 0.1.0, Compliance Suites 2023: what it asks of servers, read from its tables, and what shows it.

import { readFileSync } from "node:fs";
import type { Stage } from "./stage.ts";

export type Asked = "yes" | "no" | "N/A";

/** A row of the suite's tables, without the columns for clients. */
export type Row = {
  readonly category: string;
  readonly feature: string;
  readonly server: Asked;
  readonly advancedServer: Asked;
  /** Documents, all of which a server needs (section 1). */
  readonly providers: readonly string[];
};

/** Throws what is not as the document has it. */
export type Scene = (stage: Stage) => Promise<void>;

/** What a target must have for a scene, where not every server does. */
export type Need = "component" | "https" | "direct TLS" | "administration";

export type Part =
  | {
      /** What the scene does, in a few words. */
      readonly shows: string;
      readonly scene: Scene;
      readonly needs?: readonly Need[];
    }
  /** Why this server does not do it. */
  | { readonly notOffered: string };

/** By feature, then by document. */
export type Category = Readonly<Record<string, Readonly<Record<string, readonly Part[]>>>>;

/** A document besides those of the suite. */
export type Other = { readonly document: string; readonly title: string; readonly parts: readonly Part[] };

export const ROWS = JSON.parse(
  readFileSync(new URL("../vectors/xep-0479.json", import.meta.url), "utf8"),
) as readonly Row[];

export const isAsked = (row: Row): boolean => row.server === "yes" || row.advancedServer === "yes";

/** Neither level says anything about servers: the row is for clients. */
export const isForClients = (row: Row): boolean => row.server === "N/A" && row.advancedServer === "N/A";
