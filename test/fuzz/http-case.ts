// One case of the HTTP fuzzer as a plain value: requests to the CPIM binding, valid, mutated, cut and joined.

import { mutateOctets, mutateTree, pieces } from "./mutate.ts";
import type { Random } from "./random.ts";
import { extension } from "./stanzas.ts";
import { type Tree, tree, write } from "./tree.ts";
import { address, BODY_MARK, DOMAIN, FOREIGN_DOMAIN, oddAddress, oddText, PRESENTITIES, USERS } from "./words.ts";

export type HttpCase = {
  readonly kind: "http";
  readonly number: number;
  /** Octets in base64; TOKEN in them stands for the bearer token. */
  readonly pieces: readonly string[];
  /** How many whole requests that HTTP can read stand in them; undefined: nobody knows. */
  readonly requests: number | undefined;
  /** Whether the answer is an endless stream of events. */
  readonly events: boolean;
};

type Request = {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer | undefined;
};

export function httpCase(random: Random, number: number): HttpCase {
  const count = random.pick([1, 1, 1, 2, 5]);
  const requests = random.times(count, (n) => request(random, `h${number}-${n}`));
  const texts = requests.map((each) => serialize(each));
  let whole: number | undefined = count;
  if (random.chance(0.3)) {
    const at = random.below(count);
    texts[at] = random.chance(0.5) ? mutateOctets(random, texts[at] as Buffer) : oddRequest(random);
    whole = undefined;
  }
  return {
    kind: "http",
    number,
    pieces: pieces(random, Buffer.concat(texts)).map((piece) => piece.toString("base64")),
    requests: whole,
    events: requests.some(({ path }) => path.includes("/events")),
  };
}

function request(random: Random, id: string): Request {
  const made = random.weighted([
    [4, presentity],
    [6, publish],
    [4, watchers],
    [4, subscriptions],
    [8, message],
    [1, events],
    [2, other],
  ])(random, id);
  return random.chance(0.4) ? mutateRequest(random, made) : made;
}

const BASE = "/cpim/v1";

function presentity(random: Random): Request {
  const method = random.pick(["PUT", "PUT", "GET", "DELETE", "PATCH"]);
  const path = random.chance(0.15) ? `${BASE}/presentities${query(random)}` : `${BASE}/presentities/${who(random)}`;
  const settings = {
    ...(random.chance(0.5) ? { formalName: beginning(oddText(random), 1_000) } : {}),
    ...(random.chance(0.5) ? { subscriptions: random.pick(["confirm", "allow", "deny"]) } : {}),
    ...(random.chance(0.2) ? { allowFrom: [address(random), DOMAIN] } : {}),
  };
  return { method, path, headers: [], body: method === "PUT" ? Buffer.from(JSON.stringify(settings)) : undefined };
}

function query(random: Random): string {
  return random.pick([
    "",
    `?domain=${FOREIGN_DOMAIN}`,
    "?limit=1",
    "?limit=0",
    "?limit=x",
    "?after=%ff",
    "?domain=a&domain=b",
  ]);
}

function publish(random: Random): Request {
  const entity = random.pick(PRESENTITIES);
  const path = `${BASE}/presentities/${random.chance(0.8) ? encodeURIComponent(entity) : who(random)}/presence`;
  const method = random.pick(["PUT", "PUT", "PUT", "PUT", "GET", "DELETE"]);
  if (method !== "PUT") return { method, path, headers: [], body: undefined };
  let document = pidf(random, entity);
  for (let changes = random.pick([0, 0, 1, 3]); changes > 0; changes -= 1) document = mutateTree(random, document);
  const declaration = random.pick([
    "",
    "<?xml version='1.0' encoding='UTF-8'?>",
    "<?xml version='1.0' encoding='UTF-16'?>",
  ]);
  return {
    method,
    path: path + random.pick(["", "", "", "?expires=60", "?expires=0", "?expires=99999999999"]),
    headers: [
      ["Content-Type", random.pick(["application/pidf+xml", "application/pidf+xml; charset=utf-8"])],
      ...(random.chance(0.1) ? [["If-Match", random.pick(["*", '"x"', "x", 'W/"x", "y"'])] as const] : []),
    ],
    body: Buffer.from(declaration + write(document, random)),
  };
}

function pidf(random: Random, entity: string): Tree {
  const tuple = (n: number): Tree =>
    tree(
      "tuple",
      { id: random.pick([`t${n}`, "t", oddText(random)]) },
      tree(
        "status",
        {},
        tree("basic", {}, random.pick(["open", "closed", "odd"])),
        ...(random.chance(0.2) ? [extension(random)] : []),
      ),
      ...(random.chance(0.5)
        ? [tree("contact", { priority: random.pick(["0", "1", "0.5", "2", "x"]) }, `im:${entity}`)]
        : []),
      ...(random.chance(0.5)
        ? [tree("note", { "xml:lang": random.pick(["en", "", "x y"]) }, `${BODY_MARK}${oddText(random)}`)]
        : []),
      ...(random.chance(0.3) ? [tree("timestamp", {}, random.pick(["2026-01-01T00:00:00Z", oddText(random)]))] : []),
    );
  const tuples = random.times(random.pick([0, 1, 1, 2, 5, 40]), tuple);
  const attrs = {
    xmlns: "urn:ietf:params:xml:ns:pidf",
    entity: random.pick([`pres:${entity}`, `pres:${oddAddress(random)}`]),
  };
  return tree("presence", attrs, ...tuples, ...(random.chance(0.2) ? [tree("note", {}, oddText(random))] : []));
}

function watchers(random: Random): Request {
  const path = `${BASE}/presentities/${who(random)}/watchers`;
  if (random.chance(0.2)) return { method: "GET", path, headers: [], body: undefined };
  const state = random.pick(["active", "denied", "pending", 1, null]);
  const method = random.pick(["PUT", "PUT", "DELETE"]);
  return { method, path: `${path}/${user(random)}`, headers: [], body: Buffer.from(JSON.stringify({ state })) };
}

function subscriptions(random: Random): Request {
  const path = `${BASE}/presentities/${who(random)}/subscriptions`;
  if (random.chance(0.2)) return { method: "GET", path, headers: [], body: undefined };
  const body = random.pick([
    {},
    { duration: 0 },
    { duration: 1 },
    { duration: 3600, transId: random.word(8) },
    { duration: -1 },
    { duration: 1e300 },
    { duration: "x" },
    { transId: oddText(random) },
    [],
    null,
  ]);
  const method = random.pick(["PUT", "PUT", "DELETE"]);
  return { method, path: `${path}/${user(random)}`, headers: [], body: Buffer.from(JSON.stringify(body)) };
}

function message(random: Random, id: string): Request {
  const to = random.pick([`${random.pick(USERS)}@${DOMAIN}`, address(random)]);
  const lines = [
    ...(random.chance(0.5) ? ["Content-type: Message/CPIM", ""] : []),
    `From: ${random.pick(["", "Name ", '"N \\" x" '])}<im:${random.pick([random.pick(PRESENTITIES), oddAddress(random)])}>`,
    `To: <im:${to}>`,
    ...(random.chance(0.2) ? [`To: <im:${random.pick(USERS)}@${DOMAIN}>`] : []),
    ...(random.chance(0.2) ? [`cc: <im:${address(random)}>`] : []),
    ...(random.chance(0.3) ? [`DateTime: ${random.pick(["2026-01-01T00:00:00Z", oddText(random)])}`] : []),
    ...(random.chance(0.3) ? [`Subject:;lang=${random.pick(["en", "x y", ""])} ${oddText(random)}`] : []),
    ...(random.chance(0.2)
      ? ["NS: MyFeatures <mid:MessageFeatures@id.foo.com>", "MyFeatures.VitalMessageOption: x"]
      : []),
    ...(random.chance(0.1) ? [`Require: ${random.pick(["MyFeatures.VitalMessageOption", "x", ""])}`] : []),
    ...(random.chance(0.1) ? [oddText(random)] : []),
    "",
    `Content-type: ${random.pick(["text/plain; charset=utf-8", "text/html", "multipart/signed; boundary=x", "text/plain; charset=utf-16", "x"])}`,
    ...(random.chance(0.3) ? ["Content-ID: <1234567890@foo.com>"] : []),
    "",
    `${BODY_MARK} ${oddText(random)}`,
  ];
  const whole = Buffer.from(lines.join(random.pick(["\r\n", "\r\n", "\n", "\r"])));
  const headers: (readonly [string, string])[] = [["Content-Type", "message/cpim"]];
  if (random.chance(0.3)) headers.push(["CPIM-TransID", random.pick([id, oddText(random).replace(/[\r\n]/g, "")])]);
  if (random.chance(0.2)) headers.push(["CPIM-Max-Forwards", random.pick(["0", "1", "120", "-1", "x"])]);
  const body = random.chance(0.2) ? mutateOctets(random, whole) : whole;
  return { method: "POST", path: `${BASE}/messages`, headers, body };
}

function events(random: Random): Request {
  const path = random.chance(0.5) ? `domains/${FOREIGN_DOMAIN}` : `presentities/${who(random)}`;
  return {
    method: "GET",
    path: `${BASE}/${path}/events${random.pick(["", "?after=0", "?after=x", "?after=99999999999999999999"])}`,
    headers: random.chance(0.3) ? [["Last-Event-ID", random.pick(["0", "1", "-1", "x"])]] : [],
    body: undefined,
  };
}

function other(random: Random): Request {
  const path = random.pick([
    "/healthz",
    `${BASE}/openapi.json`,
    "/",
    "/metrics",
    BASE,
    `${BASE}/nothing`,
    "//",
    "/%2e%2e/x",
  ]);
  return {
    method: random.pick(["GET", "GET", "HEAD", "OPTIONS", "POST", "TRACE"]),
    path,
    headers: [],
    body: undefined,
  };
}

function who(random: Random): string {
  return encodeURIComponent(
    random.weighted<() => string>([
      [6, () => random.pick(PRESENTITIES)],
      [1, () => `pres:${random.pick(PRESENTITIES)}`],
      [1, () => `x-${random.below(30)}@${FOREIGN_DOMAIN}`],
      [1, () => address(random)],
      [1, () => beginning(oddText(random), 2_000)],
    ])(),
  );
}

/** Without cutting a character in two. */
function beginning(text: string, characters: number): string {
  return [...text].slice(0, characters).join("");
}

function user(random: Random): string {
  return encodeURIComponent(random.chance(0.8) ? `${random.pick(USERS)}@${DOMAIN}` : address(random));
}

function mutateRequest(random: Random, each: Request): Request {
  const header = (name: string, value: string): Request => ({ ...each, headers: [...each.headers, [name, value]] });
  return random.weighted<() => Request>([
    [2, () => ({ ...each, method: random.pick(["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"]) })],
    [
      2,
      () => ({
        ...each,
        path: each.path + random.pick(["/", "?", "?x=y", "%", "%zz", "%ff", "%00", "/..", "//x", ";x"]),
      }),
    ],
    [1, () => ({ ...each, path: `${each.path}?${"q".repeat(random.pick([100, 9_000, 40_000]))}` })],
    [
      2,
      () =>
        header("Content-Type", random.pick(["text/plain", "application/json", "x", "application/pidf+xml; charset=x"])),
    ],
    [1, () => header("Authorization", random.pick(["", "Bearer", "Bearer x", "Basic Og==", "Bearer TOKEN TOKEN"]))],
    [1, () => header("Accept", random.pick(["*/*", "text/event-stream", "application/xml;q=0", ""]))],
    [1, () => header("X-Long", "x".repeat(random.pick([1_000, 20_000])))],
    [1, () => header("Expect", random.pick(["100-continue", "x"]))],
    [1, () => header("Content-Encoding", random.pick(["gzip", "identity", "x"]))],
    [1, () => header("__proto__", "x")],
    [1, () => ({ ...each, body: Buffer.from(oddText(random)) })],
    [1, () => ({ ...each, body: Buffer.from('{"__proto__":{"x":1},"constructor":1}') })],
    [1, () => ({ ...each, body: Buffer.from("[".repeat(10_000)) })],
    [1, () => ({ ...each, body: Buffer.alloc(300_000, "x") })],
    [1, () => ({ ...each, body: random.bytes(200) })],
    [1, () => ({ ...each, body: undefined })],
  ])();
}

function serialize({ method, path, headers, body }: Request): Buffer {
  const given = new Map<string, string>([
    ["Host", DOMAIN],
    ["Authorization", "Bearer TOKEN"],
  ]);
  if (body !== undefined) {
    given.set("Content-Type", "application/json");
    given.set("Content-Length", String(body.length));
  }
  for (const [name, value] of headers) given.set(name, value);
  const lines = [...given].map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`), body ?? Buffer.alloc(0)]);
}

function oddRequest(random: Random): Buffer {
  return Buffer.from(
    random.pick([
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/0.9\r\n\r\n",
      "GET / HTTP/9.9\r\nHost: x\r\n\r\n",
      "GET\r\n\r\n",
      "\r\n\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "POST /cpim/v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST /cpim/v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
      "POST /cpim/v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
      "POST /cpim/v1/messages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\nx",
      "POST /cpim/v1/messages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nAuthorization: Bearer TOKEN\r\nContent-Type: message/cpim\r\n\r\n5;x=y\r\nabcde\r\n0\r\nTrailer: x\r\n\r\n",
      "GET http://localhost/cpim/v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n",
      "CONNECT localhost:5222 HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nA\0B: c\r\n\r\n",
    ]),
  );
}
