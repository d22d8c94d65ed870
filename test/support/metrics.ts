// Reading /metrics as Prometheus does.

import type { BalconyServer } from "../../server/index.ts";

/** Values by name and labels, as they stand there: `balcony_streams{state="bound"}`. */
export type Metrics = ReadonlyMap<string, number>;

const SAMPLE = /^([a-z_]+(?:\{(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+\})?) (\S+)$/;

export async function readMetrics(server: BalconyServer): Promise<Metrics> {
  const response = await fetch(`http://127.0.0.1:${server.addresses.http}/metrics`);
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  return parseMetrics(await response.text());
}

/** Throws where a line is neither a comment nor a sample, or a sample comes twice or before its type. */
export function parseMetrics(text: string): Metrics {
  const values = new Map<string, number>();
  const types = new Set<string>();
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  for (const line of text.slice(0, -1).split("\n")) {
    if (/^# HELP [a-z_]+ \S/.test(line)) continue;
    const type = /^# TYPE ([a-z_]+) (?:counter|gauge)$/.exec(line)?.[1];
    if (type !== undefined) {
      if (types.has(type)) throw new Error(`${type} comes twice`);
      types.add(type);
      continue;
    }
    const [, sample = "", value = ""] = SAMPLE.exec(line) ?? [];
    if (sample === "" || values.has(sample) || !types.has(sample.replace(/\{.*/, ""))) throw new Error(`bad: ${line}`);
    values.set(sample, Number(value));
  }
  return values;
}
