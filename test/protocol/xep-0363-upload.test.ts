// XEP-0363 1.2.0: HTTP File Upload, from the request for a slot to the end of the file.

import { existsSync, readdirSync, statSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import type { RequestOptions } from "node:https";
import { request as httpsRequest } from "node:https";
import { join } from "node:path";
import type { Element } from "ltx";
import { describe, expect, it } from "vitest";
import type { ConfigInput, ServerParts } from "../../server/index.ts";
import type { ScriptedClient } from "../support/client.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { temporaryFolder } from "../support/folder.ts";
import { type HttpsAnswer, httpsGet } from "../support/https.ts";
import { startServer, type TestServer } from "../support/server.ts";

const UPLOAD = "urn:xmpp:http:upload:0";
const PURPOSE = "urn:xmpp:http:upload:purpose:0";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const SERVICE = "upload.example.com";
const DAY_MS = 86_400_000;

function withUploads(config: ConfigInput = {}, parts: ServerParts = {}): Promise<TestServer> {
  return startServer({ ...config, http: { tls: true, ...config.http } }, parts);
}

type Slot = { readonly put: string; readonly get: string };
type File = { name?: string; size?: number | string; type?: string | undefined; purpose?: string };

function ask(
  client: ScriptedClient,
  { name = "balcony.jpg", size = 11, type = "image/jpeg", purpose = "" }: File = {},
) {
  const attrs = `filename='${name}' size='${size}'${type === "" ? "" : ` content-type='${type}'`}`;
  return client.ask("get", `<request xmlns='${UPLOAD}' ${attrs}>${purpose}</request>`, SERVICE);
}

async function slotFor(client: ScriptedClient, file: File = {}): Promise<Slot> {
  const answer = await ask(client, file);
  const slot = answer.getChild("slot", UPLOAD);
  if (slot === undefined) throw new Error(`no slot: ${answer.toString()}`);
  return { put: slot.getChild("put")?.attrs.url as string, get: slot.getChild("get")?.attrs.url as string };
}

function call(url: string, options: RequestOptions = {}, body?: string | Buffer): Promise<HttpsAnswer> {
  return httpsGet(url.replace("//example.com:", "//127.0.0.1:"), options, body);
}

const put = (url: string, body: string | Buffer, headers: Record<string, string> = {}) =>
  call(url, { method: "PUT", headers: { "content-length": String(Buffer.byteLength(body)), ...headers } }, body);

/** A file that is there. */
async function uploaded(client: ScriptedClient, file: File = {}, body = "wherefore?!"): Promise<string> {
  const slot = await slotFor(client, { size: Buffer.byteLength(body), ...file });
  expect((await put(slot.put, body)).status).toBe(201);
  return slot.get;
}

function files(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

describe("XEP-0363 section 3: discovering support", () => {
  it("the server's items have the service, which says what it takes", async () => {
    const server = await withUploads({ upload: { fileBytes: 5_242_880 } });
    const romeo = await server.client("romeo");
    const items = await romeo.ask("get", "<query xmlns='http://jabber.org/protocol/disco#items'/>", "example.com");
    const jids = items
      .getChild("query")
      ?.getChildElements()
      .map(({ attrs }) => attrs.jid);
    expect(jids).toContain(SERVICE);
    const query = (await romeo.ask("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", SERVICE)).getChild(
      "query",
    ) as Element;
    expect(query.getChild("identity")?.attrs).toMatchObject({ category: "store", type: "file" });
    const features = query.getChildren("feature").map(({ attrs }) => attrs.var);
    for (const feature of [UPLOAD, `${PURPOSE}#message`, `${PURPOSE}#profile`, `${PURPOSE}#ephemeral`]) {
      expect(features).toContain(feature);
    }
    expect(features).not.toContain(`${PURPOSE}#permanent`);
    const fields = query.getChild("x", "jabber:x:data")?.getChildren("field") ?? [];
    expect(fields.map((field) => [field.attrs.var, field.getChildText("value")])).toEqual([
      ["FORM_TYPE", UPLOAD],
      ["max-file-size", "5242880"],
    ]);
    const ping = await romeo.ask("get", "<ping xmlns='urn:xmpp:ping'/>", SERVICE);
    expect(ping.attrs.type).toBe("result");
  });

  it.each([
    ["upload.enabled is false", { http: { tls: true }, upload: { enabled: false } }],
    ["there is no https", {}],
  ])("where %s there is none", async (_name, config) => {
    const server = await startServer(config);
    const romeo = await server.client("romeo");
    const items = await romeo.ask("get", "<query xmlns='http://jabber.org/protocol/disco#items'/>", "example.com");
    expect(items.toString()).not.toContain(SERVICE);
    expect((await ask(romeo)).attrs.type).toBe("error");
  });
});

describe("XEP-0363 section 4: requesting a slot", () => {
  it("both addresses are https, percent-encoded, and keep the name", async () => {
    const server = await withUploads();
    const romeo = await server.client("romeo");
    const slot = await slotFor(romeo, { name: "très cool.jpg" });
    for (const url of [slot.put, slot.get]) {
      expect(url).toMatch(
        new RegExp(`^https://example\\.com:${server.addresses.http}/[!-~]+/tr%C3%A8s%20cool\\.jpg(\\?[!-~]*)?$`),
      );
    }
    expect(slot.get).not.toContain("?");
  });

  it("behind a proxy they begin with http.publicUrl", async () => {
    const server = await startServer({ http: { publicUrl: "https://files.example.com/x/" } });
    const slot = await slotFor(await server.client("romeo"));
    expect(slot.put).toMatch(/^https:\/\/files\.example\.com\/x\/upload\//);
    expect(slot.get).toMatch(/^https:\/\/files\.example\.com\/x\/upload\//);
  });

  it("section 10.3: the address has a long random part, another one each time", async () => {
    const romeo = await (await withUploads()).client("romeo");
    const parts = new Set<string>();
    for (let n = 0; n < 20; n++) {
      const random = new URL((await slotFor(romeo)).get).pathname.split("/").at(-2) ?? "";
      expect(random.length).toBeGreaterThanOrEqual(22); // 128 bits in base64
      parts.add(random);
    }
    expect(parts.size).toBe(20);
  });

  it.each([
    ["no name", `size='1'`],
    ["an empty name", `filename='' size='1'`],
    ["too long a name", `filename='${"x".repeat(256)}' size='1'`],
    ["no size", `filename='a'`],
    ["a size of 0", `filename='a' size='0'`],
    ["a negative size", `filename='a' size='-1'`],
    ["a size that is no number", `filename='a' size='1e3'`],
  ])("%s: bad-request", async (_name, attrs) => {
    const romeo = await (await withUploads()).client("romeo");
    const answer = await romeo.ask("get", `<request xmlns='${UPLOAD}' ${attrs}/>`, SERVICE);
    expect(answer.getChild("error")?.getChild("bad-request", STANZAS)).toBeDefined();
  });

  it.each([
    ["../../etc/passwd", ".._.._etc_passwd"],
    ["..", "__"],
    ["a\\b.txt", "a_b.txt"],
    ["photo\u202egpj.exe", "photo_gpj.exe"],
  ])("the name %j becomes %j", async (name, safe) => {
    const server = await withUploads();
    const romeo = await server.client("romeo");
    const { get } = await slotFor(romeo, { name });
    expect(decodeURIComponent(get.split("/").at(-1) ?? "")).toBe(safe);
    const url = await uploaded(romeo, { name });
    expect((await call(url)).status).toBe(200);
  });

  it("a set, another address of the service, other elements: service-unavailable", async () => {
    const romeo = await (await withUploads()).client("romeo");
    const request = `<request xmlns='${UPLOAD}' filename='a' size='1'/>`;
    for (const answer of [
      await romeo.ask("set", request, SERVICE),
      await romeo.ask("get", request, `somebody@${SERVICE}`),
      await romeo.ask("get", "<query xmlns='jabber:iq:roster'/>", SERVICE),
    ]) {
      expect(answer.getChild("error")?.getChild("service-unavailable", STANZAS)).toBeDefined();
    }
  });
});

describe("XEP-0363 section 5: purposes", () => {
  it("profile: smaller files, kept for good; the oldest make room", async () => {
    const clock = new FakeClock(Date.now());
    const upload = { profileFileBytes: 20, profileBytesPerAccount: 30, retentionDays: 1 };
    const server = await withUploads({ upload, limits: { idleTimeoutSeconds: 0 } }, { clock });
    const romeo = await server.client("romeo");
    const purpose = `<profile xmlns='${PURPOSE}'/>`;
    const tooLarge = await ask(romeo, { size: 21, purpose });
    expect(tooLarge.getChild("error")?.getChild("file-too-large", UPLOAD)?.getChildText("max-file-size")).toBe("20");
    const first = await uploaded(romeo, { purpose }, "x".repeat(15));
    const message = await uploaded(romeo);
    clock.advance(2 * DAY_MS);
    expect((await call(message)).status).toBe(404);
    expect((await call(first)).status).toBe(200);
    const second = await uploaded(romeo, { purpose }, "y".repeat(15));
    expect((await call(first)).status).toBe(200);
    const third = await uploaded(romeo, { purpose }, "z".repeat(15));
    expect([(await call(first)).status, (await call(second)).status, (await call(third)).status]).toEqual([
      404, 200, 200,
    ]);
  });

  it("ephemeral: not after expire-before, and not longer than other files", async () => {
    const clock = new FakeClock(Date.now());
    const server = await withUploads({ upload: { retentionDays: 2 }, limits: { idleTimeoutSeconds: 0 } }, { clock });
    const romeo = await server.client("romeo");
    const until = (ms: number) =>
      `<ephemeral xmlns='${PURPOSE}' expire-before='${new Date(clock.now() + ms).toISOString()}'/>`;
    const short = await uploaded(romeo, { purpose: until(3_600_000) });
    const long = await uploaded(romeo, { purpose: until(10 * DAY_MS) });
    clock.advance(3_599_999);
    expect((await call(short)).status).toBe(200);
    clock.advance(1);
    expect((await call(short)).status).toBe(404);
    expect((await call(long)).status).toBe(200);
    clock.advance(2 * DAY_MS);
    expect((await call(long)).status).toBe(404);
  });

  it.each([
    ["an ephemeral one without a time", `<ephemeral xmlns='${PURPOSE}'/>`, "bad-request"],
    ["one that is over", `<ephemeral xmlns='${PURPOSE}' expire-before='2001-01-01T00:00:00Z'/>`, "bad-request"],
    ["two", `<message xmlns='${PURPOSE}'/><profile xmlns='${PURPOSE}'/>`, "bad-request"],
    ["permanent, which is not announced", `<permanent xmlns='${PURPOSE}'/>`, "feature-not-implemented"],
  ])("%s: %s", async (_name, purpose, condition) => {
    const romeo = await (await withUploads()).client("romeo");
    expect((await ask(romeo, { purpose })).getChild("error")?.getChild(condition, STANZAS)).toBeDefined();
  });

  it("message is the default, and may be said", async () => {
    const romeo = await (await withUploads()).client("romeo");
    expect(await slotFor(romeo, { purpose: `<message xmlns='${PURPOSE}'/>` })).toBeDefined();
  });
});

describe("XEP-0363 section 6: errors", () => {
  it("a file that is too large: not-acceptable, with what would be taken", async () => {
    const romeo = await (await withUploads({ upload: { fileBytes: 20_000 } })).client("romeo");
    const error = (await ask(romeo, { size: 20_001 })).getChild("error");
    expect(error?.attrs.type).toBe("modify");
    expect(error?.getChild("not-acceptable", STANZAS)).toBeDefined();
    expect(error?.getChild("file-too-large", UPLOAD)?.getChildText("max-file-size")).toBe("20000");
    expect((await ask(romeo, { size: 20_000 })).attrs.type).toBe("result");
  });

  it("a quota that is used up: resource-constraint, with the time at which there is room again", async () => {
    const clock = new FakeClock(Date.parse("2026-01-01T00:00:00.500Z"));
    const server = await withUploads({ upload: { bytesPerAccount: 100, slotSeconds: 300 } }, { clock });
    const romeo = await server.client("romeo");
    await slotFor(romeo, { size: 60 });
    const error = (await ask(romeo, { size: 60 })).getChild("error");
    expect(error?.attrs.type).toBe("wait");
    expect(error?.getChild("resource-constraint", STANZAS)).toBeDefined();
    expect(error?.getChild("retry", UPLOAD)?.attrs.stamp).toBe("2026-01-01T00:05:01Z");
    // Another account has its own.
    await slotFor(await server.client("juliet"), { size: 60 });
    clock.advance(300_500);
    await slotFor(romeo, { size: 60 });
  });

  it("upload.filesPerAccount counts slots, too", async () => {
    const romeo = await (await withUploads({ upload: { filesPerAccount: 2 } })).client("romeo");
    await uploaded(romeo);
    await slotFor(romeo);
    expect((await ask(romeo)).getChild("error")?.getChild("resource-constraint", STANZAS)).toBeDefined();
  });
});

describe("XEP-0363 section 7: upload", () => {
  it("201, and from then on everybody who knows the address has the file", async () => {
    const server = await withUploads();
    const romeo = await server.client("romeo");
    const body = Buffer.from(Array.from({ length: 100_000 }, (_, n) => n % 256));
    const slot = await slotFor(romeo, { size: body.length });
    expect((await call(slot.get)).status).toBe(404);
    const answer = await put(slot.put, body, { "content-type": "image/jpeg" });
    expect([answer.status, answer.body]).toEqual([201, ""]);
    const got = await call(slot.get);
    expect(got.status).toBe(200);
    expect(Buffer.from(got.body, "latin1").equals(body)).toBe(true);
    expect(got.headers).toMatchObject({ "content-type": "image/jpeg", "content-length": "100000" });
  });

  it("an address for PUT is good once", async () => {
    const romeo = await (await withUploads()).client("romeo");
    const slot = await slotFor(romeo);
    expect((await put(slot.put, "wherefore?!")).status).toBe(201);
    expect((await put(slot.put, "another one")).status).toBe(403);
    expect((await call(slot.get)).body).toBe("wherefore?!");
  });

  it("two at once: one of them", async () => {
    const romeo = await (await withUploads()).client("romeo");
    const slot = await slotFor(romeo);
    const both = await Promise.all([put(slot.put, "wherefore?!"), put(slot.put, "another one")]);
    expect(both.map(({ status }) => status).sort()).toEqual([201, 403]);
    expect((await call(slot.get)).body).toBe(both[0]?.status === 201 ? "wherefore?!" : "another one");
  });

  it("and not after upload.slotSeconds", async () => {
    const clock = new FakeClock(Date.now());
    const server = await withUploads({ upload: { slotSeconds: 300 } }, { clock });
    const romeo = await server.client("romeo");
    const [first, second] = [await slotFor(romeo), await slotFor(romeo)];
    clock.advance(299_000);
    expect((await put(first.put, "wherefore?!")).status).toBe(201);
    clock.advance(1_000);
    expect((await put(second.put, "wherefore?!")).status).toBe(403);
  });

  it.each([
    ["without the signature", (url: string) => url.replace(/\?.*/, "")],
    ["with another signature", (url: string) => url.replace(/signature=./, "signature=_")],
    ["with a later end", (url: string) => url.replace(/until=\d/, "until=9")],
    ["with another id", (url: string) => url.replace(/upload\/./, "upload/_")],
    ["with another name", (url: string) => url.replace("balcony.jpg", "balcony.html")],
  ])("%s: 403, and the slot is still good", async (_name, change) => {
    const romeo = await (await withUploads()).client("romeo");
    const slot = await slotFor(romeo);
    expect(change(slot.put)).not.toBe(slot.put);
    expect((await put(change(slot.put), "wherefore?!")).status).toBe(403);
    expect((await put(slot.put, "wherefore?!")).status).toBe(201);
  });

  it.each([
    ["a longer file", "wherefore?!!", {}, 413],
    ["a shorter file", "wherefore", {}, 400],
    ["another type", "wherefore?!", { "content-type": "text/html" }, 415],
  ])("%s than the slot is for is refused", async (_name, body, headers, status) => {
    const romeo = await (await withUploads()).client("romeo");
    const slot = await slotFor(romeo);
    expect((await put(slot.put, body, headers)).status).toBe(status);
    expect((await call(slot.get)).status).toBe(404);
    expect((await put(slot.put, "wherefore?!", { "content-type": "Image/JPEG; q=1" })).status).toBe(201);
  });

  it("without a Content-Length: 411", async () => {
    const romeo = await (await withUploads()).client("romeo");
    const { put: url } = await slotFor(romeo);
    const answer = await call(url, { method: "PUT", headers: { "transfer-encoding": "chunked" } }, "wherefore?!");
    expect(answer.status).toBe(411);
  });

  it("a type that only the PUT names is kept; none at all is application/octet-stream", async () => {
    const romeo = await (await withUploads()).client("romeo");
    const slot = await slotFor(romeo, { type: "" });
    await put(slot.put, "wherefore?!", { "content-type": "image/png" });
    expect((await call(slot.get)).headers["content-type"]).toBe("image/png");
    const other = await uploaded(romeo, { type: "" });
    expect((await call(other)).headers["content-type"]).toBe("application/octet-stream");
  });

  it("what breaks off leaves nothing, neither on disk nor in the quota", async () => {
    const folder = await temporaryFolder();
    const server = await withUploads({ storage: { path: folder }, upload: { bytesPerAccount: 1_000_000 } });
    const romeo = await server.client("romeo");
    const slot = await slotFor(romeo, { size: 900_000 });
    const url = slot.put.replace("//example.com:", "//127.0.0.1:");
    const request = httpsRequest(url, { method: "PUT", rejectUnauthorized: false, agent: false });
    request.setHeader("content-length", "900000");
    request.on("error", () => {});
    request.write(Buffer.alloc(500_000));
    const incoming = join(folder, "uploads/incoming");
    while (files(incoming).length === 0) await romeo.sync();
    request.destroy();
    for (;;) {
      if (files(join(folder, "uploads")).length === 0) break;
      await romeo.sync();
    }
    for (;;) {
      if ((await ask(romeo, { size: 900_000 })).attrs.type === "result") break;
    }
    expect((await call(slot.get)).status).toBe(404);
    expect((await put(slot.put, Buffer.alloc(900_000))).status).toBe(403);
  });

  it("one that takes longer than upload.transferSeconds is cut off", async () => {
    const clock = new FakeClock(Date.now());
    const folder = await temporaryFolder();
    const config = { storage: { path: folder }, upload: { transferSeconds: 60 }, limits: { idleTimeoutSeconds: 0 } };
    const server = await withUploads(config, { clock });
    const romeo = await server.client("romeo");
    const slot = await slotFor(romeo, { size: 900_000 });
    const url = slot.put.replace("//example.com:", "//127.0.0.1:");
    const request = httpsRequest(url, { method: "PUT", rejectUnauthorized: false, agent: false });
    request.setHeader("content-length", "900000");
    const failed = new Promise((resolve) => request.once("error", resolve));
    request.write(Buffer.alloc(100));
    while (files(join(folder, "uploads/incoming")).length === 0) await romeo.sync();
    clock.advance(60_000);
    await failed;
    while (files(join(folder, "uploads")).length > 0) await romeo.sync();
  });
});

describe("files", () => {
  it("are over upload.retentionDays gone, from the disk, too", async () => {
    const clock = new FakeClock(Date.now());
    const folder = await temporaryFolder();
    const config = { storage: { path: folder }, upload: { retentionDays: 2 }, limits: { idleTimeoutSeconds: 0 } };
    const server = await withUploads(config, { clock });
    const romeo = await server.client("romeo");
    const url = await uploaded(romeo);
    expect(files(join(folder, "uploads"))).toHaveLength(1);
    clock.advance(2 * DAY_MS - 1);
    expect((await call(url)).status).toBe(200);
    clock.advance(1);
    expect((await call(url)).status).toBe(404);
    while (files(join(folder, "uploads")).length > 0) {
      clock.advance(60_000);
      await romeo.sync();
    }
  });

  it("go with their account", async () => {
    const clock = new FakeClock(Date.now());
    const folder = await temporaryFolder();
    const server = await withUploads({ storage: { path: folder } }, { clock });
    const romeo = await server.client("romeo");
    const url = await uploaded(romeo, { purpose: `<profile xmlns='${PURPOSE}'/>` });
    const slot = await slotFor(romeo);
    const juliet = await server.client("juliet");
    await server.admin.deleteUser("romeo");
    expect((await call(url)).status).toBe(404);
    expect((await put(slot.put, "wherefore?!")).status).toBe(403);
    while (files(join(folder, "uploads")).length > 0) {
      clock.advance(60_000);
      await juliet.sync();
    }
  });

  it("are there after a restart, the beginnings of others are not", async () => {
    const folder = await temporaryFolder();
    const first = await withUploads({ storage: { path: folder } });
    const romeo = await first.client("romeo");
    const url = await uploaded(romeo);
    const slot = await slotFor(romeo);
    await first.stop();
    await mkdir(join(folder, "uploads/incoming"), { recursive: true });
    await writeFile(join(folder, "uploads/incoming/leftover"), "x");
    const second = await withUploads({ storage: { path: folder } });
    const here = (address: string) => address.replace(/:\d+\//, `:${second.addresses.http}/`);
    expect((await call(here(url))).body).toBe("wherefore?!");
    expect(existsSync(join(folder, "uploads/incoming/leftover"))).toBe(false);
    expect((await put(here(slot.put), "wherefore?!")).status).toBe(201);
    expect(statSync(join(folder, "uploads")).mode & 0o077).toBe(0);
  });

  it("cannot be had under another name, nor can anything else of the folder", async () => {
    const folder = await temporaryFolder();
    const server = await withUploads({ storage: { path: folder } });
    const url = await uploaded(await server.client("romeo"));
    const { origin, pathname } = new URL(url);
    const id = pathname.split("/")[2];
    for (const path of [
      `/upload/${id}/other.jpg`,
      `/upload/${id}/`,
      `/upload/${id}`,
      "/upload/",
      "/upload/..%2f..%2fbalcony.sqlite/x",
      "/upload/../balcony.sqlite",
      "/upload/%2e%2e/credentials.key",
      `/upload/incoming/${id}`,
    ]) {
      expect([path, (await call(origin + path)).status]).toEqual([path, 404]);
    }
  });

  it.each([
    ["image/png", "inline", "image/png"],
    ["video/mp4", "inline", "video/mp4"],
    ["audio/ogg", "inline", "audio/ogg"],
    ["application/pdf", "attachment", "application/pdf"],
    ["text/plain", "attachment", "text/plain; charset=utf-8"],
    ["text/html", "attachment", "application/octet-stream"],
    ["image/svg+xml", "attachment", "application/octet-stream"],
    ["application/xhtml+xml", "attachment", "application/octet-stream"],
    ["text/javascript", "attachment", "application/octet-stream"],
    ["application/x-msdownload", "attachment", "application/octet-stream"],
  ])("section 10.1: %s is served %s, as %s", async (type, disposition, served) => {
    const romeo = await (await withUploads()).client("romeo");
    const { headers } = await call(await uploaded(romeo, { type, name: "très 'cool'.bin".replaceAll("'", "&apos;") }));
    expect(headers["content-type"]).toBe(served);
    expect(headers["content-disposition"]).toBe(
      `${disposition}; filename="tr_s 'cool'.bin"; filename*=UTF-8''tr%C3%A8s%20%27cool%27.bin`,
    );
    expect(headers["content-security-policy"]).toMatch(/^default-src 'none';.*frame-ancestors 'none'/);
    expect(headers["x-content-type-options"]).toBe("nosniff");
  });

  it("HEAD, ETag and conditional requests", async () => {
    const romeo = await (await withUploads()).client("romeo");
    const url = await uploaded(romeo);
    const head = await call(url, { method: "HEAD" });
    expect([head.status, head.body, head.headers["content-length"]]).toEqual([200, "", "11"]);
    expect(head.headers["accept-ranges"]).toBe("bytes");
    expect(head.headers["cache-control"]).toMatch(/^private, max-age=\d+, immutable$/);
    const etag = head.headers.etag as string;
    expect(etag).toMatch(/^"[^"]+"$/);
    expect((await call(url, { headers: { "if-none-match": `"x", ${etag}` } })).status).toBe(304);
    expect((await call(url, { headers: { "if-none-match": '"x"' } })).status).toBe(200);
  });

  it.each([
    ["bytes=0-3", 206, "wher", "bytes 0-3/11"],
    ["bytes=4-", 206, "efore?!", "bytes 4-10/11"],
    ["bytes=-2", 206, "?!", "bytes 9-10/11"],
    ["bytes=5-100", 206, "fore?!", "bytes 5-10/11"],
    ["bytes=-100", 206, "wherefore?!", "bytes 0-10/11"],
    ["bytes=11-", 416, undefined, "bytes */11"],
    ["bytes=-0", 416, undefined, "bytes */11"],
    ["bytes=3-2", 200, "wherefore?!", undefined],
    ["bytes=0-1,3-4", 200, "wherefore?!", undefined],
    ["lines=0-1", 200, "wherefore?!", undefined],
  ])("RFC 9110 section 14: Range %s: %i", async (range, status, body, contentRange) => {
    const romeo = await (await withUploads()).client("romeo");
    const url = await uploaded(romeo);
    const answer = await call(url, { headers: { range } });
    expect(answer.status).toBe(status);
    if (body !== undefined)
      expect([answer.body, answer.headers["content-length"]]).toEqual([body, String(body.length)]);
    expect(answer.headers["content-range"]).toBe(contentRange);
  });

  it("RFC 9110 section 13.1.5: If-Range", async () => {
    const romeo = await (await withUploads()).client("romeo");
    const url = await uploaded(romeo);
    const etag = (await call(url)).headers.etag as string;
    expect((await call(url, { headers: { range: "bytes=0-0", "if-range": etag } })).status).toBe(206);
    expect((await call(url, { headers: { range: "bytes=0-0", "if-range": '"x"' } })).status).toBe(200);
  });
});

describe("XEP-0363 section 8: web clients", () => {
  it("CORS lets any page in, with http.origins those alone, and no cookies", async () => {
    const origin = "https://chat.example.com";
    for (const [origins, from, allowed] of [
      [["*"], "https://anywhere.example", "*"],
      [[origin], origin, origin],
      [[origin], "https://anywhere.example", undefined],
    ] as const) {
      const server = await withUploads({ http: { origins: [...origins] } });
      const romeo = await server.client("romeo");
      const slot = await slotFor(romeo);
      const preflight = await call(slot.put, {
        method: "OPTIONS",
        headers: { origin: from, "access-control-request-method": "PUT" },
      });
      expect(preflight.status).toBe(204);
      expect(preflight.headers["access-control-allow-methods"]).toContain("PUT");
      expect(preflight.headers["access-control-allow-headers"]).toContain("Content-Type");
      const stored = await put(slot.put, "wherefore?!", { origin: from });
      const got = await call(slot.get, { headers: { origin: from } });
      const missing = await call(`${slot.get}x`, { headers: { origin: from } });
      for (const { headers } of [preflight, stored, got, missing]) {
        expect(headers["access-control-allow-origin"]).toBe(allowed);
        expect(headers["access-control-allow-credentials"]).toBeUndefined();
      }
      expect(got.headers["cross-origin-resource-policy"]).toBe("cross-origin");
    }
  });
});
