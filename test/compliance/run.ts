// Plays the scenes against a server, one after the other.

import { randomBytes } from "node:crypto";
import { CALLS } from "./calls.ts";
import { CORE } from "./core.ts";
import { IM } from "./im.ts";
import { MOBILE } from "./mobile.ts";
import { OTHERS } from "./others.ts";
import { Stage, type Target } from "./stage.ts";
import { type Category, isForClients, type Part, ROWS, type Row } from "./suite.ts";
import { WEB } from "./web.ts";

export const CATEGORIES: Readonly<Record<string, Category>> = {
  Core: CORE,
  Web: WEB,
  IM,
  Mobile: MOBILE,
  "A/V Calling": CALLS,
};

export type Outcome =
  | { readonly kind: "pass" }
  /** The first error, in one line. */
  | { readonly kind: "fail"; readonly error: string }
  | { readonly kind: "not offered" }
  /** The row is for clients, or the target was not set up for it. */
  | { readonly kind: "not applicable" };

export type Result = {
  /** Undefined: no row of the suite. */
  readonly row: Row | undefined;
  readonly feature: string;
  readonly document: string;
  /** What the scene does, or the reason why there is none. */
  readonly what: string;
  readonly outcome: Outcome;
};

type Task = {
  readonly row: Row | undefined;
  readonly feature: string;
  readonly document: string;
  readonly part: Part | undefined;
};

/** What shows a row: for each of its documents. */
export function partsOf({ category, feature }: Row, document: string): readonly Part[] {
  return CATEGORIES[category]?.[feature]?.[document] ?? [];
}

function tasks(): Task[] {
  const suite = ROWS.flatMap((row) =>
    row.providers.flatMap((document): Task[] => {
      const parts = partsOf(row, document);
      const { feature } = row;
      return parts.length === 0
        ? [{ row, feature, document, part: undefined }]
        : parts.map((part) => ({ row, feature, document, part }));
    }),
  );
  const others = OTHERS.flatMap(({ document, title, parts }) =>
    parts.map((part): Task => ({ row: undefined, feature: title, document, part })),
  );
  return [...suite, ...others];
}

/**
 * @param tell is told of each, when it has been played
 * @param only the one document to try; undefined: all
 */
export async function run(target: Target, tell: (result: Result) => void, only?: string): Promise<Result[]> {
  const results: Result[] = [];
  const tag = randomBytes(3).toString("hex"); // what an earlier run made may be there still
  for (const [index, task] of tasks().entries()) {
    if (only !== undefined && task.document !== only) continue;
    const result = await play(target, task, `${index}-${tag}`);
    tell(result);
    results.push(result);
  }
  return results;
}

async function play(target: Target, { part, ...about }: Task, name: string): Promise<Result> {
  if (part === undefined) {
    const forClients = about.row !== undefined && isForClients(about.row);
    const outcome: Outcome = forClients ? { kind: "not applicable" } : { kind: "fail", error: "nothing here tries it" };
    return { ...about, what: "for clients alone", outcome };
  }
  if ("notOffered" in part && target.admin === undefined) {
    return { ...about, what: "not tried", outcome: { kind: "not applicable" } };
  }
  if ("notOffered" in part) return { ...about, what: part.notOffered, outcome: { kind: "not offered" } };
  const missing = part.needs?.find((need) => !Stage.has(target, need));
  if (missing !== undefined) {
    return { ...about, what: `not tried: no ${missing}`, outcome: { kind: "not applicable" } };
  }
  const stage = new Stage(target, name);
  try {
    await part.scene(stage);
    return { ...about, what: part.shows, outcome: { kind: "pass" } };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { ...about, what: part.shows, outcome: { kind: "fail", error: inOneLine(message) } };
  } finally {
    stage.end();
  }
}

const ERROR_LENGTH = 300;

function inOneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").slice(0, ERROR_LENGTH);
}
