// XEP-0215 1.0.0: External Service Discovery: STUN and TURN servers from the configuration, with credentials made for who asks.

import { createHmac } from "node:crypto";
import { Element } from "ltx";
import type { Config } from "../config.ts";
import { stanzaError } from "../errors.ts";
import type { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import type { IqHandler, IqRequest } from "../router/dispatch.ts";
import { type Core, isLocalUser } from "../router/routing.ts";
import { attr, childrenOf, elements, type IqReply, result } from "../stanza.ts";
import { defineModule, type Module } from "./module.ts";

type Service = Config["externalServices"][number];

/** @param key of this server's own: makes names for accounts that tell the services nothing */
export function externalServices(core: Core, services: readonly Service[], key: string): Module {
  const describe = (service: Service, to: Jid): Element => serviceElement(service, to, core.clock.now(), key);
  return defineModule({
    name: "external-services",
    spec: "XEP-0215 1.0.0",
    features: [{ var: NS.externalServices, on: ["domain"] }], // section 5
    setup: () => ({
      iq: [
        handler(core, "services", ({ payload, from }) => {
          const type = attr(payload, "type"); // section 3.2
          const reply = new Element("services", {
            xmlns: NS.externalServices,
            ...(type === undefined ? {} : { type }),
          });
          for (const service of services) {
            if (type === undefined || service.type === type) reply.cnode(describe(service, from));
          }
          return result(reply);
        }),
        handler(core, "credentials", ({ payload, from }) => {
          const wanted = wantedService(payload);
          if (wanted === undefined)
            return stanzaError("bad-request", "one service with host and type (XEP-0215 section 3.3)");
          const found = services.filter((service) => isRestricted(service) && wanted(service));
          if (found.length === 0) return stanzaError("item-not-found");
          const reply = new Element("credentials", { xmlns: NS.externalServices });
          for (const service of found) reply.cnode(describe(service, from));
          return result(reply);
        }),
      ],
    }),
  });
}

function handler(core: Core, name: "services" | "credentials", handle: (request: IqRequest) => IqReply): IqHandler {
  return {
    type: "get",
    ns: NS.externalServices,
    name,
    to: ["domain"],
    // Section 2: the services are for this server's own users.
    handle: (request) => (isLocalUser(core, request.from) ? handle(request) : stanzaError("forbidden")),
  };
}

function wantedService(payload: Element): ((service: Service) => boolean) | undefined {
  const [wanted, ...others] = childrenOf(payload, "service", NS.externalServices);
  if (wanted === undefined || others.length > 0 || elements(payload).length > 1) return undefined;
  const { host, type, port } = wanted.attrs as Record<string, string | undefined>;
  if (host === undefined || type === undefined) return undefined;
  return (service) =>
    service.host === host && service.type === type && (port === undefined || String(service.port ?? "") === port);
}

function isRestricted({ secret, username }: Service): boolean {
  return secret !== undefined || username !== undefined;
}

function serviceElement(service: Service, to: Jid, now: number, key: string): Element {
  const { type, host, port, transport, name } = service;
  const element = new Element("service", { type, host });
  if (port !== undefined) element.attrs.port = String(port);
  if (transport !== undefined) element.attrs.transport = transport;
  if (name !== undefined) element.attrs.name = name;
  if (isRestricted(service)) Object.assign(element.attrs, { restricted: "1", ...credentials(service, to, now, key) });
  return element;
}

// Section 3.3: as draft-uberti-behave-turn-rest-00 section 2.2 makes them.
function credentials(
  { secret, username, password, ttlSeconds }: Service,
  to: Jid,
  now: number,
  key: string,
): Record<string, string | undefined> {
  if (secret === undefined) return { username, password };
  const expiresAt = Math.floor(now / 1000) + ttlSeconds;
  const name = `${expiresAt}:${pseudonym(to, key)}`;
  return {
    username: name,
    password: createHmac("sha1", secret).update(name).digest("base64"),
    expires: new Date(expiresAt * 1000).toISOString().replace(/\.\d+Z$/, "Z"),
  };
}

// The same for all of an account's clients, so that the service can count by user; it cannot know who that is.
function pseudonym(account: Jid, key: string): string {
  return createHmac("sha256", key).update(account.bareString).digest("base64url").slice(0, 16);
}
