// docs/compliance.md: what the scenes came to, in tables.

import type { Outcome, Result } from "./run.ts";
import { isForClients, ROWS } from "./suite.ts";

/** This line and no other differs between two runs that came to the same. */
const RUN = "Run on ";

const INTRODUCTION = [
  "XEP-0479 0.1.0, XMPP Compliance Suites 2023, the newest there is: what it asks of servers, and what `npm run compliance`",
  "saw. It starts the server as its command line does, with the server's own https, and plays a scene over sockets for each",
  "document. Rooms, uploads and push are in the server itself; rooms are on by default, uploads and WebSocket need https",
  "(`http.tls` or `http.publicUrl`), push needs a component as app server, and STUN and TURN servers have to be configured.",
  "",
  "Two things that the suites ask for are not offered: links between servers, which are half of RFC 6120 and RFC 7590, and",
  "BOSH, which the Web suite asks for beside WebSocket. So no suite is met to the letter: each asks for Core.",
  "",
];

export type About = {
  readonly date: string;
  readonly software: string;
  readonly node: string;
  /** Not another server, for a comparison. */
  readonly isOurs: boolean;
};

export function pageOf(results: readonly Result[], { date, software, node, isOurs }: About): string {
  const suite = results.filter(({ row }) => row !== undefined);
  const categories = [...new Set(ROWS.map(({ category }) => category))];
  return [
    "# Compliance",
    "",
    "<!-- Written by `npm run compliance`. -->",
    "",
    `${RUN}${date}: ${software} with Node.js ${node}.`,
    "",
    ...(isOurs ? INTRODUCTION : []),
    ...sums(suite, categories),
    "",
    ...categories.flatMap((category) => section(category, suite)),
    "## Besides the suites",
    "",
    "What else is implemented, each with a scene of its own.",
    "",
    ...table(results.filter(({ row }) => row === undefined)),
    "",
  ].join("\n");
}

/** Whether two pages say the same, on whatever day and with whatever Node.js. */
export function saysTheSame(a: string, b: string): boolean {
  const lasting = (page: string): string =>
    page
      .split("\n")
      .filter((line) => !line.startsWith(RUN))
      .join("\n");
  return lasting(a) === lasting(b);
}

export function count(results: readonly Result[], kind: Outcome["kind"]): number {
  return results.filter(({ outcome }) => outcome.kind === kind).length;
}

const isCore = ({ row }: Result): boolean => row?.server === "yes";
const isAdvanced = ({ row }: Result): boolean => row?.server !== "yes" && row?.advancedServer === "yes";
const isFree = ({ row }: Result): boolean =>
  row !== undefined && row.server !== "yes" && row.advancedServer !== "yes" && !isForClients(row);

function sums(results: readonly Result[], categories: readonly string[]): string[] {
  const line = (name: string, some: readonly Result[]): string =>
    row([name, ...(["pass", "fail", "not offered"] as const).map((kind) => `${count(some, kind)}`)]);
  const asked = results.filter((result) => isCore(result) || isAdvanced(result));
  return [
    "| suite | pass | fail | not offered |",
    "|---|---:|---:|---:|",
    ...categories.flatMap((category) => {
      const own = asked.filter((result) => result.row?.category === category);
      const levels = [line(`${category}, core level`, own.filter(isCore))];
      return own.some(isAdvanced)
        ? [...levels, line(`${category}, advanced level adds`, own.filter(isAdvanced))]
        : levels;
    }),
    line("all", asked),
  ];
}

function section(category: string, results: readonly Result[]): string[] {
  const own = results.filter((result) => result.row?.category === category);
  const lines = [`## ${category}`, ""];
  for (const [title, some] of [
    ["Core level", own.filter(isCore)],
    ["Advanced level: the above, and", own.filter(isAdvanced)],
    ["Not asked of servers, and done all the same", own.filter(isFree)],
  ] as const) {
    if (some.length > 0) lines.push(`### ${title}`, "", ...table(some), "");
  }
  const forClients = own.filter((result) => result.row !== undefined && isForClients(result.row));
  const features = [...new Set(forClients.map(({ feature }) => feature))].map((feature) => {
    const documents = forClients.filter((result) => result.feature === feature).map(({ document }) => document);
    return `${feature} (${documents.join(", ")})`;
  });
  if (features.length > 0) lines.push(`Not applicable to servers: ${features.join("; ")}.`, "");
  return lines;
}

function table(results: readonly Result[]): string[] {
  return [
    "| feature | document | result | what the scene did, or why there is none |",
    "|---|---|---|---|",
    ...results.map(({ feature, document, outcome, what }) =>
      row([feature, document.split(", ").map(link).join(", "), said(outcome), what]),
    ),
  ];
}

function said(outcome: Outcome): string {
  return outcome.kind === "fail" ? `**fail**: ${outcome.error}` : outcome.kind;
}

function link(document: string): string {
  const [kind, number] = document.split(/[ -]/);
  const url =
    kind === "RFC" ? `https://www.rfc-editor.org/rfc/rfc${number}` : `https://xmpp.org/extensions/xep-${number}.html`;
  return `[${document}](${url})`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("\n", " ").replaceAll("|", "\\|")).join(" | ")} |`;
}
