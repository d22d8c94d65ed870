// XEP-0191 1.3: Blocking Command, with the reports of XEP-0377 0.4.1. blocking/rules.ts says what is blocked; here a user's
// clients ask for the list and change it, and what follows from a change is done.

import { Element } from "ltx";
import type { AuditTrail } from "../audit.ts";
import { describeReport, type Report, ReportQuota, readReport } from "../blocking/reports.ts";
import { verdictOf } from "../blocking/rules.ts";
import { type StanzaError, stanzaError } from "../errors.ts";
import { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import type { Presence } from "../presence/presence.ts";
import { randomId } from "../random.ts";
import type { IqRequest } from "../router/dispatch.ts";
import type { Verdict } from "../router/hooks.ts";
import type { Core } from "../router/routing.ts";
import type { Session } from "../session/session.ts";
import { attr, childrenOf, elements, type IqReply, result } from "../stanza.ts";
import { defineModule, type Module } from "./module.ts";

type Parts = { readonly presence: Presence; readonly audit: Pick<AuditTrail, "record"> };

export function blockingModule(core: Core, { presence, audit }: Parts): Module {
  const quota = new ReportQuota(core.clock, core.limits.reportsPerHour);
  return defineModule({
    name: "blocking",
    spec: "XEP-0191 1.3",
    // Section 3.1 and XEP-0377 section 3: a client asks its server.
    features: [
      { var: NS.blocking, on: ["domain"] },
      { var: NS.reporting, on: ["domain"] },
    ],
    setup: () => ({
      iq: [
        { type: "get", ns: NS.blocking, name: "blocklist", to: ["account"], handle: (request) => list(core, request) },
        {
          type: "set",
          ns: NS.blocking,
          name: "block",
          to: ["account"],
          handle: (request) => block(core, { presence, audit, quota }, request),
        },
        {
          type: "set",
          ns: NS.blocking,
          name: "unblock",
          to: ["account"],
          handle: (request) => unblock(core, presence, request),
        },
      ],
      hooks: {
        filter: {
          outbound: (stanza, from, to) => judge(core.blocking.blocks(from, to), stanza, "outbound"),
          inbound: (stanza, from, to) => judge(core.blocking.blocks(to, from), stanza, "inbound"),
        },
        notify: { accountDeleted: (account) => core.blocking.forget(account.bareString) },
      },
    }),
  });
}

function judge(
  blocked: boolean | Promise<boolean>,
  stanza: Element,
  direction: "outbound" | "inbound",
): Verdict | Promise<Verdict> {
  if (blocked instanceof Promise) return blocked.then((found) => (found ? verdictOf(stanza, direction) : "pass"));
  return blocked ? verdictOf(stanza, direction) : "pass";
}

// ---- the list (section 3.2)

async function list(core: Core, { to, session }: IqRequest): Promise<IqReply> {
  const owner = to.bareString;
  const shown = await core.blocking.of(owner);
  // Pushes begin in the turn in which the result goes out; of what has changed since the line above there is one each.
  const afterwards = (): void => {
    if (session === undefined) return;
    session.blockListAsked = true;
    const now = core.blocking.peek(owner) ?? shown;
    if (now === shown) return;
    const added = [...now].filter((address) => !shown.has(address));
    const removed = [...shown].filter((address) => !now.has(address));
    if (added.length > 0) push(session, "block", added);
    if (removed.length > 0) push(session, "unblock", removed);
  };
  return result(listElement("blocklist", shown), afterwards);
}

function listElement(name: "blocklist" | "block" | "unblock", addresses: Iterable<string>): Element {
  const element = new Element(name, { xmlns: NS.blocking });
  for (const jid of addresses) element.c("item", { jid });
  return element;
}

// ---- changing it (sections 3.3 to 3.5)

type Blocking = Parts & { readonly quota: ReportQuota };

async function block(core: Core, parts: Blocking, { payload, to, session }: IqRequest): Promise<IqReply> {
  const items = childrenOf(payload, "item", NS.blocking);
  if (items.length === 0) return stanzaError("bad-request", "nothing to block");
  const named = addressesOf(items);
  if ("kind" in named) return named;
  const addresses = [...new Set(named.map((jid) => jid.toString()))];
  await core.blocking.add(to.bareString, addresses, (added, apply) => {
    parts.presence.hideFrom(to, new Set(added), apply);
    pushAll(core, to, "block", addresses);
  });
  const reports = items.flatMap((item, index) => readReport(item, named[index] as Jid) ?? []);
  await record(core, parts, reports, to, session);
  return result();
}

async function unblock(core: Core, presence: Presence, { payload, to }: IqRequest): Promise<IqReply> {
  const items = childrenOf(payload, "item", NS.blocking);
  // Only what is empty means everybody.
  if (items.length === 0 && elements(payload).length > 0) return stanzaError("bad-request", "no item is named");
  const named = addressesOf(items);
  if ("kind" in named) return named;
  const addresses = [...new Set(named.map((jid) => jid.toString()))];
  await core.blocking.remove(to.bareString, items.length === 0 ? undefined : addresses, (removed, apply) => {
    apply();
    pushAll(core, to, "unblock", addresses);
    presence.showTo(to, new Set(removed));
  });
  return result();
}

function addressesOf(items: readonly Element[]): Jid[] | StanzaError {
  const addresses: Jid[] = [];
  for (const item of items) {
    const text = attr(item, "jid");
    if (text === undefined) return stanzaError("bad-request", "an item has a jid");
    const jid = Jid.parse(text);
    if (!jid.ok) return stanzaError("jid-malformed", jid.reason);
    addresses.push(jid.value);
  }
  return addresses;
}

function pushAll(core: Core, owner: Jid, name: "block" | "unblock", addresses: readonly string[]): void {
  for (const session of core.sessions.of(owner.bareString)) {
    if (session.blockListAsked) push(session, name, addresses);
  }
}

function push(session: Session, name: "block" | "unblock", addresses: readonly string[]): void {
  const id = `push-${randomId(6)}`;
  const iq = new Element("iq", { type: "set", id, to: session.jid.toString() });
  iq.cnode(listElement(name, addresses));
  session.send(iq);
}

// ---- reports (XEP-0377 section 6)

async function record(
  core: Core,
  { audit, quota }: Blocking,
  reports: readonly Report[],
  reporter: Jid,
  session: Session | undefined,
): Promise<void> {
  const account = reporter.bareString;
  const address = reports.length === 0 ? "" : addressOf(core, session);
  const taken = reports.filter(() => quota.take(account));
  if (taken.length < reports.length) core.log.info({ account, limit: "limits.reportsPerHour" }, "limit-reached");
  const written = await Promise.allSettled(
    taken.map((report) =>
      // The log has no texts of users.
      audit.record(
        { event: "reported", account, address, detail: describeReport(report) },
        describeReport({ ...report, text: "" }),
      ),
    ),
  );
  // What was asked for, that somebody be blocked, is done.
  for (const outcome of written)
    if (outcome.status === "rejected") core.log.error({ err: outcome.reason }, "report-lost");
}

function addressOf(core: Core, session: Session | undefined): string {
  for (const stream of core.streams) if (stream.id === session?.stream) return stream.transport.address;
  return "";
}
