// XEP-0077 2.4 sections 3.2 and 3.3: a user removes the account, or changes its password. Accounts are not made in-band.

import { Element } from "ltx";
import type { AccountChanges } from "../account-changes.ts";
import { AccountError } from "../accounts/account-error.ts";
import { stanzaError } from "../errors.ts";
import { prepareLocalpart } from "../jid.ts";
import { NS } from "../namespaces.ts";
import type { IqRequest } from "../router/dispatch.ts";
import type { Core } from "../router/routing.ts";
import type { Session } from "../session/session.ts";
import { child, elements, type IqReply, result, textOf } from "../stanza.ts";
import { defineModule, type Module } from "./module.ts";

export function register(core: Core, changes: AccountChanges): Module {
  return defineModule({
    name: "register",
    spec: "XEP-0077 2.4",
    features: [{ var: NS.register, on: ["domain"] }],
    setup: () => ({
      iq: [
        { type: "get", ns: NS.register, name: "query", to: ["domain", "account"], handle: registration },
        {
          type: "set",
          ns: NS.register,
          name: "query",
          to: ["domain", "account"],
          handle: (request) => change(core, changes, request),
        },
      ],
    }),
  });
}

// Section 3.1: what is on file, but for the password.
function registration({ session }: IqRequest): IqReply {
  if (session === undefined) return stanzaError("service-unavailable");
  const query = new Element("query", { xmlns: NS.register });
  query.c("registered");
  query.c("username").t(session.jid.localpart ?? "");
  query.c("password");
  return result(query);
}

function change(core: Core, changes: AccountChanges, { payload, session }: IqRequest): IqReply | Promise<IqReply> {
  if (session === undefined) return stanzaError("service-unavailable");
  if (child(payload, "remove", NS.register) === undefined) return changePassword(core, changes, payload, session);
  if (elements(payload).length > 1) return stanzaError("bad-request", "<remove/> stands alone (XEP-0077 section 3.2)");
  return asReply(async () => {
    await changes.remove(session.jid.bare(), session);
    return result(undefined, () => changes.dismiss(session));
  });
}

// Section 3.3
function changePassword(
  core: Core,
  changes: AccountChanges,
  payload: Element,
  session: Session,
): IqReply | Promise<IqReply> {
  const username = child(payload, "username", NS.register);
  const password = child(payload, "password", NS.register);
  if (username === undefined || password === undefined || textOf(password) === "") {
    return stanzaError("bad-request", "a username and a password are needed");
  }
  const prepared = prepareLocalpart(textOf(username).trim());
  // Nobody can tell by this whether somebody else is registered.
  if (!prepared.ok || prepared.value !== session.jid.localpart) {
    return stanzaError("not-allowed", "users can change their own password only");
  }
  if (!isSecure(core, session)) return stanzaError("not-authorized", "not without TLS", "modify");
  return asReply(async () => {
    await changes.setPassword(session.jid.bare(), textOf(password), session);
    return result();
  });
}

function isSecure(core: Core, session: Session): boolean {
  return [...core.streams].some((stream) => stream.session === session && stream.transport.secure);
}

async function asReply(work: () => Promise<IqReply>): Promise<IqReply> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AccountError)) throw error;
    if (error.code === "busy") return stanzaError("resource-constraint", error.message);
    return stanzaError(error.code === "not-found" ? "registration-required" : "not-acceptable", error.message);
  }
}
