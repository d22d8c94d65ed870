// docs/http-binding.md over real HTTP: calls, statuses, addresses, authorization, problems and the description.

import { describe, expect, test } from "vitest";
import type { MessageRequest, PublishRequest } from "../../gateway/bindings/binding.ts";
import { hashToken, mintToken, parseScope } from "../../gateway/bindings/http/authorization.ts";
import { type StanzaCondition, stanzaError } from "../../server/errors.ts";
import { Jid } from "../../server/jid.ts";
import { DOMAIN_TOKEN, juliet, ROMEO_TOKEN, romeo, serveBinding } from "../support/http-binding.ts";

const ROMEO = "/presentities/romeo@example.net";
const JULIET = "juliet@example.com";
const since = Date.parse("2026-01-01T00:00:00Z");

describe("authorization", () => {
  test("no token, another scheme, an unknown token and a revoked one: 401 with a challenge", async () => {
    const server = await serveBinding();
    const bare = await server.call("GET", ROMEO, { token: null });
    expect(bare.status).toBe(401);
    expect(bare.headers.get("www-authenticate")).toBe('Bearer realm="cpim"');
    expect(bare.json()).toMatchObject({ status: 401, title: "Unauthorized", condition: "not-authorized" });
    const basic = await server.call("GET", ROMEO, { token: null, headers: { authorization: "Basic cm9tZW86eA==" } });
    expect(basic.status).toBe(401);
    const unknown = await server.call("GET", ROMEO, { token: "nobody-has-this" });
    expect(unknown.status).toBe(401);
    expect(unknown.headers.get("www-authenticate")).toBe('Bearer realm="cpim", error="invalid_token"');
    await server.store.revokeToken(DOMAIN_TOKEN);
    expect((await server.call("GET", ROMEO)).status).toBe(401);
    expect(server.asked).toEqual([]);
  });

  test.each([
    ["domain", ROMEO, 200],
    ["romeo", ROMEO, 200],
    ["romeo", "/presentities/benvolio@example.net", 403],
    ["romeo", "/presentities/romeo@example.org", 403],
    ["domain", "/presentities/romeo@example.org", 403],
    ["domain", "/presentities?domain=example.net", 200],
    ["domain", "/presentities?domain=example.org", 403],
    ["romeo", "/presentities?domain=example.net", 403],
    ["romeo", "/domains/example.net/events", 403],
    ["domain", "/domains/example.org/events", 403],
  ])("a token of the %s: GET %s is %i", async (whose, path, status) => {
    const server = await serveBinding();
    const answer = await server.call("GET", path, { token: whose === "domain" ? DOMAIN_TOKEN : ROMEO_TOKEN });
    expect(answer.status).toBe(status);
    if (status === 403) expect(answer.json()).toMatchObject({ condition: "forbidden" });
  });

  test("a token for a domain that the gateway no longer has: 404", async () => {
    const server = await serveBinding();
    await server.store.addToken({ id: "old", scope: "domain:old.example", sha256: hashToken("old"), createdAt: 0 });
    expect((await server.call("GET", "/presentities/a@old.example", { token: "old" })).status).toBe(404);
    expect((await server.call("GET", "/presentities", { token: "old" })).status).toBe(404);
  });

  test("a message may be sent only as an address within the scope", async () => {
    const answers: boolean[] = [];
    const message = async ({ maySendAs }: MessageRequest) => {
      answers.push(maySendAs(romeo), maySendAs(Jid.fromTrusted("benvolio@example.net")), maySendAs(juliet));
      return stanzaError("forbidden");
    };
    const server = await serveBinding({ answers: { message } });
    const request = { headers: { "content-type": "message/cpim" }, body: "x" };
    expect((await server.call("POST", "/messages", { ...request, token: ROMEO_TOKEN })).status).toBe(403);
    await server.call("POST", "/messages", request);
    expect(answers).toEqual([true, false, false, true, true, false]);
  });

  test("tokens are 256 random bits with a prefix, scopes are read strictly", () => {
    expect(mintToken()).toMatch(/^balcony_[A-Za-z0-9_-]{43}$/);
    expect(mintToken()).not.toBe(mintToken());
    expect(hashToken("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"); // FIPS 180-2
    expect(parseScope("domain:Example.NET")).toEqual({ ok: true, value: { kind: "domain", domain: "example.net" } });
    for (const bad of ["", "example.net", "domain:", "presentity:example.net", "presentity:a@b.example/x", "all:"]) {
      expect(parseScope(bad).ok).toBe(false);
    }
  });
});

describe("addresses in paths", () => {
  test.each([
    ["romeo@example.net", "romeo@example.net"],
    ["romeo%40example.net", "romeo@example.net"],
    ["Romeo@EXAMPLE.net", "romeo@example.net"],
    ["im:romeo@example.net", "romeo@example.net"],
    ["pres%3Aromeo%40example.net", "romeo@example.net"],
    ["o%2527malley@example.net", "o#27;malley@example.net"],
    ["o'malley@example.net", "o#27;malley@example.net"],
    ["a%252Fb@example.net", "a#2f;b@example.net"],
    ["jean%252Dluc@example.net", "jean-luc@example.net"],
    ["50%2525@example.net", "50%@example.net"],
    ["tsch%25C3%25BCss@example.net", "tschüss@example.net"],
    ["tsch%C3%BCss@example.net", "tschüss@example.net"],
  ])("%s is %s", async (path, jid) => {
    const server = await serveBinding({ answers: { getPresentity: async () => undefined } });
    expect((await server.call("GET", `/presentities/${path}`)).status).toBe(404);
    expect(String(server.asked[0]?.args[0])).toBe(jid);
  });

  test.each([
    "example.net",
    "sip:romeo@example.net",
    "50%25@example.net",
    "%2540example.net",
    "at%252326%253Bt@example.net",
  ])("%s is refused", async (path) => {
    const server = await serveBinding();
    const answer = await server.call("GET", `/presentities/${path}`);
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({ condition: "jid-malformed", detail: expect.stringContaining("addr") });
  });

  test.each([
    [JULIET, JULIET],
    ["juliet%40example.com%2Fbalcony", JULIET],
    ["im:juliet@example.com", JULIET],
    ["pres:o%2527malley@example.com", "o#27;malley@example.com"],
    ["o%2327;malley@example.com", "o#27;malley@example.com"],
    ["xmpp:juliet@example.com", JULIET],
    ["xmpp:tsch%25C3%25BCss@example.com", "tschüss@example.com"],
  ])("the XMPP address %s is %s", async (path, jid) => {
    const server = await serveBinding({ answers: { unsubscribe: async () => ({ kind: "done" }) } });
    expect((await server.call("DELETE", `${ROMEO}/subscriptions/${path}`)).status).toBe(204);
    expect(server.asked[0]?.args.map(String)).toEqual(["romeo@example.net", jid]);
  });

  test.each(["example.com", "@example.com", "xmpp:%25zz@example.com", "a%20b@example.com"])(
    "%s is none",
    async (path) => {
      const server = await serveBinding();
      const answer = await server.call("DELETE", `${ROMEO}/watchers/${path}`);
      expect(answer.status).toBe(400);
      expect(answer.json()).toMatchObject({ condition: "jid-malformed", detail: expect.stringContaining("xmpp") });
    },
  );
});

describe("presentities", () => {
  test("register is 201, change is 200, and the answer is the presentity", async () => {
    let outcome: "created" | "changed" = "created";
    const server = await serveBinding({ answers: { putPresentity: async () => outcome } });
    const body = {
      formalName: "Romeo",
      subscriptions: "allow",
      allowFrom: ["Example.com", "im:o%27malley@example.com"],
    };
    const created = await server.call("PUT", ROMEO, { json: body });
    expect(created.status).toBe(201);
    expect(created.json()).toEqual({
      address: "romeo@example.net",
      formalName: "Romeo",
      subscriptions: "confirm",
      allowFrom: [],
      createdAt: "2026-01-01T00:00:00.000Z",
    });
    expect(server.asked[0]?.args[1]).toEqual({
      formalName: "Romeo",
      policy: "allow",
      allowFrom: ["example.com", "o#27;malley@example.com"],
    });
    outcome = "changed";
    expect((await server.call("PUT", ROMEO)).status).toBe(200);
    expect(server.asked[2]?.args[1]).toEqual({});
  });

  test("an address is written in im:/pres: form", async () => {
    const server = await serveBinding();
    const known = await server.store.getPresentity(romeo.bareString);
    if (known === undefined) throw new Error("romeo is missing");
    await server.store.putPresentity({ ...known, address: "a#2f;b-c@example.net" });
    const answer = await server.call("GET", "/presentities/a%252Fb-c@example.net");
    expect(answer.json()).toMatchObject({ address: "a%2Fb%2Dc@example.net" });
  });

  test("delete is 204, then 404", async () => {
    const left = [true, false];
    const server = await serveBinding({ answers: { deletePresentity: async () => left.shift() ?? false } });
    const gone = await server.call("DELETE", ROMEO);
    expect([gone.status, gone.text]).toEqual([204, ""]);
    expect((await server.call("DELETE", ROMEO)).status).toBe(404);
  });

  test("lists page by page", async () => {
    const server = await serveBinding();
    for (const name of ["a", "b-c", "d"]) {
      const address = `${name}@example.net`;
      await server.store.putPresentity({
        address,
        domain: "example.net",
        formalName: "",
        policy: "deny",
        allowFrom: [],
        createdAt: since,
      });
    }
    const list = async (query: string) => {
      const page = (await server.call("GET", `/presentities?${query}`)).json();
      return (page as { address: string }[]).map(({ address }) => address);
    };
    expect(await list("domain=example.net&limit=2")).toEqual(["a@example.net", "b%2Dc@example.net"]);
    expect(await list(`limit=2&after=${encodeURIComponent("b%2Dc@example.net")}`)).toEqual([
      "d@example.net",
      "romeo@example.net",
    ]);
    expect((await server.call("GET", "/presentities?limit=101")).status).toBe(400);
    expect((await server.call("GET", "/presentities?after=x")).status).toBe(400);
  });
});

describe("presence", () => {
  const pidf = { "content-type": "application/pidf+xml; charset=US-ASCII" };

  test("publish answers 201 or 200 with the tag, and passes on what it was given", async () => {
    let created = true;
    const publish = async () => ({ kind: "published", etag: "t1", expiresSeconds: 60, created }) as const;
    const server = await serveBinding({ answers: { publish } });
    const first = await server.call("PUT", `${ROMEO}/presence?expires=60`, { headers: pidf, body: "<presence/>" });
    expect(first.status).toBe(201);
    expect(first.headers.get("etag")).toBe('"t1"');
    expect(first.json()).toEqual({ etag: "t1", expires: 60 });
    expect(server.asked[0]?.args[1]).toEqual({
      body: Buffer.from("<presence/>"),
      charset: "US-ASCII",
      expiresSeconds: 60,
      ifMatch: undefined,
    } satisfies PublishRequest);
    created = false;
    const headers = { "content-type": "application/pidf+xml", "if-match": '"t0"' };
    expect((await server.call("PUT", `${ROMEO}/presence`, { headers, body: "<p/>" })).status).toBe(200);
    expect(server.asked[1]?.args[1]).toMatchObject({ charset: undefined, expiresSeconds: null, ifMatch: "t0" });
    expect((await server.call("PUT", `${ROMEO}/presence`, { headers: { "if-match": '"t1"' } })).status).toBe(200);
    expect(server.asked[2]?.args[1]).toMatchObject({ body: Buffer.alloc(0), ifMatch: "t1" }); // a refresh
  });

  test("a document that is no PIDF is 422, another tag 412", async () => {
    let outcome: { kind: "precondition-failed" } | ReturnType<typeof stanzaError> = stanzaError(
      "not-acceptable",
      "no root",
    );
    const server = await serveBinding({ answers: { publish: async () => outcome, withdraw: async () => outcome } });
    const bad = await server.call("PUT", `${ROMEO}/presence`, { headers: pidf, body: "x" });
    expect(bad.status).toBe(422);
    expect(bad.json()).toMatchObject({ condition: "not-acceptable", detail: "no root" });
    outcome = { kind: "precondition-failed" };
    const headers = { ...pidf, "if-match": '"t9"' };
    expect((await server.call("PUT", `${ROMEO}/presence`, { headers, body: "x" })).status).toBe(412);
    const withdrawn = await server.call("DELETE", `${ROMEO}/presence`, { headers: { "if-match": '"t9"' } });
    expect([withdrawn.status, withdrawn.json()]).toMatchObject([412, { condition: "conflict" }]);
  });

  test("If-Match: lists and * are settled by what stands, weak tags never match", async () => {
    const publication = async () => ({ etag: "t2", document: "", publishedAt: 0, expiresAt: null });
    const server = await serveBinding({ answers: { publication, withdraw: async () => ({ kind: "withdrawn" }) } });
    const withdraw = async (ifMatch: string) => {
      const { status } = await server.call("DELETE", `${ROMEO}/presence`, { headers: { "if-match": ifMatch } });
      const last = server.asked.at(-1);
      return status === 204 ? last?.args[1] : status;
    };
    expect(await withdraw('"t1", "t2"')).toBe("t2");
    expect(await withdraw("*")).toBe("t2");
    expect(await withdraw('"t1", "t3"')).toBe(412);
    expect(await withdraw('W/"t2"')).toBe(412);
    expect(await withdraw("t2")).toBe(400);
  });

  test("reads the document as it was published, or 404", async () => {
    let stands = true;
    const publication = async () =>
      stands ? { etag: "t1", document: "<presence>ü</presence>", publishedAt: 0, expiresAt: null } : undefined;
    const server = await serveBinding({ answers: { publication } });
    const found = await server.call("GET", `${ROMEO}/presence`);
    expect([found.status, found.text]).toEqual([200, "<presence>ü</presence>"]);
    expect(found.headers.get("content-type")).toBe("application/pidf+xml; charset=utf-8");
    expect(found.headers.get("etag")).toBe('"t1"');
    stands = false;
    expect((await server.call("GET", `${ROMEO}/presence`)).status).toBe(404);
  });
});

describe("watchers", () => {
  test("list, approve, deny, cancel", async () => {
    const server = await serveBinding({
      answers: {
        watchers: async () => [
          { watcher: Jid.fromTrusted("jean-luc@example.com"), state: "pending", since, transId: "s1" },
        ],
        decide: async () => ({ kind: "done" }),
        cancelWatcher: async () => stanzaError("item-not-found"),
      },
    });
    expect((await server.call("GET", `${ROMEO}/watchers`)).json()).toEqual([
      { watcher: "pres:jean%2Dluc@example.com", state: "pending", since: "2026-01-01T00:00:00.000Z", transId: "s1" },
    ]);
    const watcher = `${ROMEO}/watchers/${JULIET}`;
    expect((await server.call("PUT", watcher, { json: { state: "active" } })).status).toBe(204);
    expect((await server.call("PUT", watcher, { json: { state: "denied" } })).status).toBe(204);
    expect(server.asked.slice(1).map(({ args }) => args.map(String))).toEqual([
      ["romeo@example.net", JULIET, "active"],
      ["romeo@example.net", JULIET, "denied"],
    ]);
    expect((await server.call("DELETE", watcher)).status).toBe(404);
    expect((await server.call("PUT", watcher)).status).toBe(400);
  });
});

describe("subscriptions", () => {
  const path = `${ROMEO}/subscriptions/${JULIET}`;

  test("200 when active, 202 while pending, the document for a fetch; the TransID in body and header", async () => {
    const outcomes = [
      { kind: "active", transId: "t1", durationSeconds: 60 },
      { kind: "pending", transId: "t2", durationSeconds: null },
      { kind: "fetched", transId: "t3", document: "<presence/>" },
    ] as const;
    let next = 0;
    const subscribe = async () => outcomes[next++] ?? stanzaError("conflict");
    const server = await serveBinding({ answers: { subscribe } });
    const active = await server.call("PUT", path, { json: { duration: 60, transId: "t1" } });
    expect([active.status, active.json()]).toEqual([200, { status: "success", transId: "t1", duration: 60 }]);
    expect(server.asked[0]?.args[2]).toEqual({ durationSeconds: 60, transId: "t1" });
    const pending = await server.call("PUT", path);
    expect([pending.status, pending.json()]).toEqual([202, { status: "pending", transId: "t2", duration: null }]);
    expect(pending.headers.get("cpim-transid")).toBe("t2");
    expect(server.asked[1]?.args[2]).toEqual({ durationSeconds: null, transId: undefined });
    const fetched = await server.call("PUT", path, { json: { duration: 0 } });
    expect([fetched.status, fetched.text]).toEqual([200, "<presence/>"]);
    expect(fetched.headers.get("content-type")).toBe("application/pidf+xml; charset=utf-8");
    expect(fetched.headers.get("cpim-transid")).toBe("t3");
    const again = await server.call("PUT", path, { json: { transId: "t4" } });
    expect([again.status, again.headers.get("cpim-transid")]).toEqual([409, "t4"]);
  });

  test("the list has state and expiry", async () => {
    const common = { target: juliet, since, transId: "t1" };
    const subscriptions = async () => [
      { ...common, state: "active" as const, until: since + 60_000, durationSeconds: 60 },
      { ...common, state: "pending" as const, until: null, durationSeconds: null },
    ];
    const server = await serveBinding({ answers: { subscriptions } });
    const target = "pres:juliet@example.com";
    const [start, end] = ["2026-01-01T00:00:00.000Z", "2026-01-01T00:01:00.000Z"];
    expect((await server.call("GET", `${ROMEO}/subscriptions`)).json()).toEqual([
      { target, state: "active", since: start, expires: end, duration: 60, transId: "t1" },
      { target, state: "pending", since: start, expires: null, duration: null, transId: "t1" },
    ]);
  });
});

describe("messages", () => {
  const cpim = { "content-type": "message/cpim" };

  test("success is 200, indeterminant 202; the TransID is echoed octet for octet", async () => {
    let status: "success" | "indeterminant" = "success";
    const message = async ({ transId = "made" }: MessageRequest) => ({ kind: "response", status, transId }) as const;
    const server = await serveBinding({ answers: { message } });
    const headers = { ...cpim, "cpim-transid": "A=b;~1", "cpim-max-forwards": "3" };
    const sent = await server.call("POST", "/messages", { headers, body: "From: <im:a@b>\r\n" });
    expect([sent.status, sent.json()]).toEqual([200, { status: "success", transId: "A=b;~1" }]);
    expect(sent.headers.get("cpim-transid")).toBe("A=b;~1");
    expect(server.asked[0]?.args[0]).toMatchObject({
      object: Buffer.from("From: <im:a@b>\r\n"),
      outerHeaders: false,
      transId: "A=b;~1",
      maxForwards: 3,
    });
    status = "indeterminant";
    const whole = "MIME-Version: 1.0\r\nContent-type: Message/CPIM\r\n\r\nFrom: <im:a@b>\r\n";
    const later = await server.call("POST", "/messages", { headers: cpim, body: whole });
    expect([later.status, later.headers.get("cpim-transid")]).toEqual([202, "made"]);
    expect(server.asked[1]?.args[0]).toMatchObject({ outerHeaders: true, transId: undefined, maxForwards: undefined });
  });

  test("a failure echoes the TransID too, a fresh one if there was none", async () => {
    const server = await serveBinding({
      answers: { message: async () => stanzaError("not-acceptable", "Require: x") },
    });
    const headers = { ...cpim, "cpim-transid": "m1" };
    const failed = await server.call("POST", "/messages", { headers, body: "x" });
    expect([failed.status, failed.headers.get("cpim-transid")]).toEqual([422, "m1"]);
    const other = await server.call("POST", "/messages", { headers: cpim, body: "x" });
    expect(other.headers.get("cpim-transid")).toMatch(/^[!-~]{1,40}$/);
  });
});

describe("problems", () => {
  test.each<[StanzaCondition, number]>([
    ["item-not-found", 404],
    ["forbidden", 403],
    ["not-authorized", 403],
    ["conflict", 409],
    ["bad-request", 422],
    ["not-acceptable", 422],
    ["service-unavailable", 503],
    ["resource-constraint", 507],
    ["remote-server-timeout", 504],
    ["internal-server-error", 500],
  ])("%s is %i", async (condition, status) => {
    const server = await serveBinding({ answers: { unsubscribe: async () => stanzaError(condition) } });
    const answer = await server.call("DELETE", `${ROMEO}/subscriptions/${JULIET}`);
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toMatch(/^application\/problem\+json/);
    expect(answer.json()).toEqual({ status, title: expect.any(String), detail: expect.any(String), condition });
  });

  test.each<[string, string, Parameters<Awaited<ReturnType<typeof serveBinding>>["call"]>[2], string]>([
    ["PUT", ROMEO, { json: { formalName: 7 } }, "body formalName"],
    ["PUT", ROMEO, { json: { formalName: "a\nb" } }, "body formalName"],
    ["PUT", ROMEO, { json: { policy: "allow" } }, "policy"],
    ["PUT", ROMEO, { json: { subscriptions: "maybe" } }, "body subscriptions"],
    ["PUT", ROMEO, { json: { allowFrom: ["example.com", "a b@c"] } }, "body allowFrom.1"],
    ["PUT", ROMEO, { json: { allowFrom: ["im:\ud800@example.com"] } }, "body allowFrom.0"],
    ["PUT", `${ROMEO}/watchers/${JULIET}`, { json: { state: "pending" } }, "body state"],
    ["PUT", `${ROMEO}/subscriptions/${JULIET}`, { json: { duration: -1 } }, "body duration"],
    ["PUT", `${ROMEO}/subscriptions/${JULIET}`, { json: { duration: 1.5 } }, "body duration"],
    ["PUT", `${ROMEO}/subscriptions/${JULIET}`, { json: { transId: "a b" } }, "body transId"],
    ["PUT", `${ROMEO}/subscriptions/${JULIET}`, { json: { transId: "a".repeat(41) } }, "body transId"],
    [
      "PUT",
      `${ROMEO}/presence?expires=0`,
      { headers: { "content-type": "application/pidf+xml" }, body: "x" },
      "query expires",
    ],
    ["PUT", `${ROMEO}/presence?expire=1`, { headers: { "content-type": "application/pidf+xml" }, body: "x" }, "expire"],
    ["GET", `${ROMEO}/events?after=-1`, {}, "query after"],
    ["GET", `${ROMEO}/events`, { headers: { "last-event-id": "x" } }, "last-event-id"],
    [
      "POST",
      "/messages",
      { headers: { "content-type": "message/cpim", "cpim-max-forwards": "1e3" }, body: "x" },
      "cpim-max-forwards",
    ],
    [
      "POST",
      "/messages",
      { headers: { "content-type": "message/cpim", "cpim-transid": "a b" }, body: "x" },
      "cpim-transid",
    ],
  ])("%s %s with %o names the field", async (method, path, request, field) => {
    const server = await serveBinding();
    const answer = await server.call(method, path, request);
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({ condition: "bad-request", detail: expect.stringContaining(field) });
    expect(server.asked).toEqual([]);
  });

  test.each<[string, string, string, number]>([
    ["PUT", ROMEO, "text/plain", 415],
    ["PUT", ROMEO, "message/cpim", 415],
    ["PUT", ROMEO, "multipart/form-data; boundary=x", 415],
    ["PUT", `${ROMEO}/presence`, "application/json", 415],
    ["PUT", `${ROMEO}/presence`, "text/xml", 415],
    ["POST", "/messages", "application/pidf+xml", 415],
    ["POST", "/messages", "message/cpimx", 415],
  ])("%s %s with a body of %s is %i", async (method, path, type, status) => {
    const server = await serveBinding();
    const answer = await server.call(method, path, { headers: { "content-type": type }, body: "{}" });
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toMatch(/^application\/problem\+json/);
  });

  test("a body past the limit is 413, before it is read", async () => {
    const server = await serveBinding({ config: { limits: { httpBodyBytes: 10_000 } } });
    for (const [method, path, type] of [
      ["POST", "/messages", "message/cpim"],
      ["PUT", `${ROMEO}/presence`, "application/pidf+xml"],
      ["PUT", ROMEO, "application/json"],
    ] as const) {
      const answer = await server.call(method, path, { headers: { "content-type": type }, body: "x".repeat(10_001) });
      expect(answer.status).toBe(413);
      expect(answer.json()).toMatchObject({ detail: "the body is larger than 10000 bytes (limits.httpBodyBytes)" });
    }
    expect(server.asked).toEqual([]);
  });

  test("JSON that is none, or not UTF-8, is 400", async () => {
    const server = await serveBinding();
    const headers = { "content-type": "application/json" };
    for (const body of ["{", '{"formalName":"x"', Buffer.from([0x22, 0xff, 0x22])]) {
      const answer = await server.call("PUT", ROMEO, { headers, body });
      expect([answer.status, answer.json()]).toMatchObject([400, { condition: "bad-request" }]);
    }
  });

  test("paths that nothing is at, or that cannot be decoded", async () => {
    const server = await serveBinding();
    for (const [path, status] of [
      ["/nothing", 404],
      ["/presentities/romeo@example.net/nothing", 404],
      ["/presentities/%ff", 400],
      [`/presentities/${"a".repeat(13_000)}`, 414],
    ] as const) {
      const answer = await server.call("GET", path);
      expect([answer.status, answer.json()]).toMatchObject([status, { status, condition: expect.any(String) }]);
    }
  });

  test("a bug is 500 without a word about it, and is logged", async () => {
    const broken = async (): Promise<never> => {
      throw new Error("secret/path.ts broke");
    };
    const server = await serveBinding({ answers: { watchers: broken } });
    const answer = await server.call("GET", `${ROMEO}/watchers`);
    expect(answer.status).toBe(500);
    expect(answer.text).not.toMatch(/secret|stack|\.ts/);
    expect(server.errors).toMatchObject([
      { event: "http-handler-failed", fields: { err: { message: "secret/path.ts broke" } } },
    ]);
  });

  test("every answer has the security headers, and none names the server", async () => {
    const server = await serveBinding();
    for (const path of [ROMEO, "/nothing", "/openapi.json", "/presentities/x"]) {
      const { headers } = await server.call("GET", path);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("server")).toBeNull();
      expect(headers.get("x-powered-by")).toBeNull();
    }
  });
});

test("openapi.json describes every call, without a token", async () => {
  const server = await serveBinding();
  const answer = await server.call("GET", "/openapi.json", { token: null });
  expect(answer.status).toBe(200);
  type Call = { responses: Record<string, { content?: Record<string, unknown> }>; security?: unknown[] };
  const document = answer.json() as {
    openapi: string;
    servers: unknown;
    paths: Record<string, Record<string, Call>>;
    components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> };
  };
  expect(document.openapi).toBe("3.1.0");
  expect(document.servers).toEqual([{ url: "/cpim/v1" }]);
  const calls = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  // docs/http-binding.md
  expect(calls.sort()).toEqual(
    [
      "PUT /presentities/{addr}",
      "GET /presentities/{addr}",
      "GET /presentities",
      "DELETE /presentities/{addr}",
      "PUT /presentities/{addr}/presence",
      "GET /presentities/{addr}/presence",
      "DELETE /presentities/{addr}/presence",
      "GET /presentities/{addr}/watchers",
      "PUT /presentities/{addr}/watchers/{xmpp}",
      "DELETE /presentities/{addr}/watchers/{xmpp}",
      "PUT /presentities/{addr}/subscriptions/{xmpp}",
      "DELETE /presentities/{addr}/subscriptions/{xmpp}",
      "GET /presentities/{addr}/subscriptions",
      "POST /messages",
      "GET /presentities/{addr}/events",
      "GET /domains/{domain}/events",
      "GET /openapi.json",
    ].sort(),
  );
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const { responses, security } of Object.values(methods)) {
      if (path === "/openapi.json") expect(security).toEqual([]);
      else expect(responses["401"]?.content).toHaveProperty(["application/problem+json"]);
    }
  }
  expect(document.components.securitySchemes).toMatchObject({ token: { type: "http", scheme: "bearer" } });
  const references = [...answer.text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name = ""]) => name);
  expect(Object.keys(document.components.schemas)).toEqual(expect.arrayContaining(references));
  for (const type of ["Message", "Notify", "Subscribe", "Unsubscribe", "Terminated", "Response", "Reset"]) {
    expect(document.components.schemas).toHaveProperty(`Event${type}`);
  }
});

test("two servers in one process know nothing of each other", async () => {
  const [one, other] = [await serveBinding(), await serveBinding()];
  await other.store.deletePresentity(romeo.bareString);
  expect((await one.call("GET", ROMEO)).status).toBe(200);
  expect((await other.call("GET", ROMEO)).status).toBe(404);
});
