// XEP-0156 1.4.0: discovering alternative XMPP connection methods.

import { describe, expect, it } from "vitest";
import { httpsGet } from "../support/https.ts";
import { startServer } from "../support/server.ts";

const RELATION = "urn:xmpp:alt-connections:websocket";

describe("XEP-0156 section 2: host-meta", () => {
  it("in both formats, with the public URL from the configuration", async () => {
    const server = await startServer({ http: { publicUrl: "https://web.example.com/a&b/" } });
    const url = `http://127.0.0.1:${server.addresses.http}/.well-known/host-meta`;
    const xrd = await fetch(url);
    expect(xrd.headers.get("content-type")).toMatch(/^application\/xrd\+xml/);
    expect(await xrd.text()).toBe(
      `<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>\n` +
        `  <Link rel='${RELATION}' href='wss://web.example.com/a&amp;b/xmpp-websocket'/>\n</XRD>\n`,
    );
    const jrd = await fetch(`${url}.json`);
    expect(jrd.headers.get("content-type")).toMatch(/^application\/json/);
    expect(await jrd.json()).toEqual({
      links: [{ rel: RELATION, href: "wss://web.example.com/a&b/xmpp-websocket" }],
    });
    // Section 3: any page may read these two, and no others.
    for (const { headers } of [xrd, jrd]) expect(headers.get("access-control-allow-origin")).toBe("*");
    const health = await fetch(url.replace("/.well-known/host-meta", "/healthz"));
    expect(health.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("without one, this server's own https with the port that it has", async () => {
    const server = await startServer({ http: { tls: true } });
    const { http } = server.addresses;
    const { body } = await httpsGet(`https://127.0.0.1:${http}/.well-known/host-meta.json`);
    expect(JSON.parse(body)).toEqual({
      links: [{ rel: RELATION, href: `wss://example.com:${http}/xmpp-websocket` }],
    });
  });

  it("section 2.2: only wss may be named, so without https there is none", async () => {
    const server = await startServer();
    for (const path of ["host-meta", "host-meta.json"]) {
      expect((await fetch(`http://127.0.0.1:${server.addresses.http}/.well-known/${path}`)).status).toBe(404);
    }
  });
});
