// npm run compliance: plays a scene for each row of XEP-0479 against the built server, and writes docs/compliance.md.
// Exit code 1: a row failed; with --check also: the page says something else.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { withBalcony } from "./balcony.ts";
import { type OtherServer, otherServer } from "./other-server.ts";
import { count, pageOf, saysTheSame } from "./page.ts";
import { type Result, run } from "./run.ts";
import type { Target } from "./stage.ts";

const PAGE = fileURLToPath(new URL("../../docs/compliance.md", import.meta.url));

type Options = { readonly check?: boolean; readonly only?: string; readonly against?: string } & OtherServer;

const options = new Command("compliance")
  .option("--check", "compare with docs/compliance.md, and do not write it")
  .option("--only <document>", "play the scenes of one document, and write nothing")
  .option("--against <port>", "the STARTTLS port, on loopback, of another server; prints the page")
  .option("--domain <domain>", "the other server's domain", "localhost")
  .option("--add-user <command>", "adds an account there: {user}, {domain} and {password} are put in")
  .option("--https-port <port>", "the port of its WebSocket, host-meta and uploads", "0")
  .option("--direct-tls-port <port>", "its port for direct TLS", "0")
  .option("--component <port:domain:secret>", "a component that it knows")
  .option("--software <name>", "what it is called", "another server")
  .parse()
  .opts<Options>();

function tell({ document, feature, outcome }: Result): void {
  const error = outcome.kind === "fail" ? `: ${outcome.error}` : "";
  process.stderr.write(`${outcome.kind.padEnd(15)}${document.padEnd(20)}${feature}${error}\n`);
}

async function play(target: Target): Promise<number> {
  const results = await run(target, tell, options.only);
  const today = new Date().toISOString().slice(0, 10);
  const isOurs = options.against === undefined;
  const page = pageOf(results, { date: today, software: target.software, node: process.versions.node, isOurs });
  const failed = count(results, "fail");
  process.stderr.write(`${count(results, "pass")} passed, ${failed} failed\n`);
  if (options.only !== undefined) return failed === 0 ? 0 : 1;
  if (!isOurs) process.stdout.write(page);
  else if (options.check !== true) writeFileSync(PAGE, page);
  else if (!saysTheSame(page, readFileSync(PAGE, "utf8"))) {
    process.stderr.write("docs/compliance.md says something else; npm run compliance writes it\n");
    return 1;
  }
  return failed === 0 ? 0 : 1;
}

process.exitCode =
  options.against === undefined ? await withBalcony(play) : await play(otherServer(Number(options.against), options));
