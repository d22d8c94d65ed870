// XEP-0156 1.4.0: where a web client, which cannot ask the DNS, finds the WebSocket.

import type { FastifyInstance, FastifyReply } from "fastify";
import { httpProblem, sendProblem } from "./problem.ts";
import { WEBSOCKET_PATH } from "./public-url.ts";

const WEBSOCKET_RELATION = "urn:xmpp:alt-connections:websocket";
const XRD_NAMESPACE = "http://docs.oasis-open.org/ns/xri/xrd-1.0";

/** Section 3: any page may read these two resources, and no others. */
const FOR_EVERYONE = { "access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin" };

/**
 * Adds both formats (RFC 6415).
 * @param publicUrl undefined: there is no https, without which nothing may be said
 */
export function addHostMeta(app: FastifyInstance, publicUrl: () => string | undefined): void {
  const serve = (path: string, type: string, write: (href: string) => string): void => {
    app.get(path, async (_request, reply: FastifyReply) => {
      const url = publicUrl();
      if (url === undefined) return sendProblem(reply, httpProblem(404, "no https address; see http.publicUrl"));
      const href = `${url.replace(/^https:/, "wss:")}${WEBSOCKET_PATH}`;
      return reply.headers(FOR_EVERYONE).type(type).send(write(href));
    });
  };
  serve(
    "/.well-known/host-meta",
    "application/xrd+xml; charset=utf-8",
    (href) =>
      `<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='${XRD_NAMESPACE}'>\n` +
      `  <Link rel='${WEBSOCKET_RELATION}' href='${escapeXml(href)}'/>\n</XRD>\n`,
  );
  serve("/.well-known/host-meta.json", "application/json; charset=utf-8", (href) =>
    JSON.stringify({ links: [{ rel: WEBSOCKET_RELATION, href }] }),
  );
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("'", "&apos;");
}
