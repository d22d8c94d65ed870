// The Prometheus text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats): metric families to text.
//
// Not prom-client: all that was needed of it is this file, its Node 20 line had no release since June 2024, and its
// successor @prometheus-io/client, still an alpha, wants Node 22.

export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export type Sample = { readonly labels?: Readonly<Record<string, string>>; readonly value: number };

export type Family = {
  /** [a-z_]; a counter's ends in `_total`, and units are base units: `_seconds`, `_bytes`. */
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly samples: readonly Sample[];
};

/** Families without a sample are left out. */
export function exposition(families: readonly Family[]): string {
  return families.map(familyText).join("");
}

/** One sample for each entry, its key as the label's value. */
export function byLabel(label: string, values: Iterable<readonly [string, number]>): Sample[] {
  return [...values].map(([key, value]) => ({ labels: { [label]: key }, value }));
}

function familyText({ name, type, help, samples }: Family): string {
  if (samples.length === 0) return "";
  const head = `# HELP ${name} ${help.replace(/[\\\n]/g, escaped)}\n# TYPE ${name} ${type}\n`;
  return head + samples.map(({ labels, value }) => `${name}${labelText(labels)} ${valueText(value)}\n`).join("");
}

function labelText(labels: Sample["labels"]): string {
  const pairs = Object.entries(labels ?? {}).map(
    ([label, value]) => `${label}="${value.replace(/[\\\n"]/g, escaped)}"`,
  );
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(character: string): string {
  return character === "\n" ? "\\n" : `\\${character}`;
}

function valueText(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value);
  return value > 0 ? "+Inf" : "-Inf";
}
