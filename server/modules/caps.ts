// XEP-0115 1.6.0 and XEP-0390 0.3.2: what clients are capable of is learned from their presence, and clients learn from the
// stream features what the server is.

import { Element } from "ltx";
import { NS } from "../namespaces.ts";
import type { Capabilities } from "../presence/caps.ts";
import { capabilityHash, verificationString } from "../presence/caps-hash.ts";
import type { IqRequest } from "../router/dispatch.ts";
import type { Core } from "../router/routing.ts";
import { result } from "../stanza.ts";
import { withAttrs } from "../xml/serialize.ts";
import { describe } from "./disco.ts";
import { type DiscoNode, defineModule, type Module } from "./module.ts";

/** Names this software (XEP-0115 section 4). */
const SOFTWARE = "urn:balcony:xmpp-server";

export function capsModule(core: Core, capabilities: Capabilities): Module {
  return defineModule({
    name: "caps",
    spec: "XEP-0115 1.6.0",
    features: [NS.caps, NS.capsHashes].map((feature) => ({ var: feature, on: ["domain"] })),
    setup(host) {
      let announced: readonly Element[] = [];
      const announce = async (): Promise<Element> => {
        const info = await describe(ownRequest(core), host, "domain");
        announced = announcements(info);
        return info;
      };
      // When every module is set up.
      Promise.resolve()
        .then(announce)
        .catch((err: unknown) => core.log.error({ err }, "capabilities-failed"));
      return {
        streamFeatures: () => announced,
        openNodes: [{ on: ["domain"], find: (name) => capsNode(name, announce, () => announced) }],
        hooks: {
          notify: {
            available: (session, initial) => capabilities.present(session, initial),
            resumed: (session, afterRestart) => (afterRestart ? capabilities.resumed(session) : undefined),
          },
        },
      };
    },
  });
}

function ownRequest({ domain }: Core): IqRequest {
  const payload = new Element("query", { xmlns: NS.discoInfo });
  const stanza = new Element("iq", { type: "get" });
  stanza.cnode(payload);
  return { stanza, payload, from: domain, to: domain, session: undefined };
}

function announcements(info: Element): Element[] {
  const ver = verificationString(info, "sha-1");
  const caps = new Element("c", { xmlns: NS.caps, hash: "sha-1", node: SOFTWARE, ver });
  const value = capabilityHash(info, "sha-256");
  if (value === undefined) return [caps];
  const hashes = new Element("c", { xmlns: NS.capsHashes });
  hashes.c("hash", { xmlns: NS.hashes, algo: "sha-256" }).t(value);
  return [caps, hashes];
}

// XEP-0115 section 6.2, XEP-0390 section 4.3
async function capsNode(
  name: string,
  describeNow: () => Promise<Element>,
  announced: () => readonly Element[],
): Promise<DiscoNode | undefined> {
  if (!name.startsWith(`${SOFTWARE}#`) && !name.startsWith(`${NS.capsHashes}#`)) return undefined;
  const info = await describeNow();
  const [caps, hashes] = announced();
  const known = [`${SOFTWARE}#${caps?.attrs.ver}`, `${NS.capsHashes}#sha-256.${hashes?.getChildText("hash")}`];
  if (!known.includes(name)) return undefined;
  return {
    node: name,
    on: ["domain"],
    info: () => result(withAttrs(info, { node: name })),
    items: () => result(new Element("query", { xmlns: NS.discoItems, node: name })),
  };
}
