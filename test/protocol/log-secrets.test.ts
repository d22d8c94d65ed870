// What the log says, at its most talkative: every event of a session, and of no password, token, message or note a trace.

import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { connect as tcpConnect } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createLogger } from "../../server/cli/logger.ts";
import { connectAdmin, serveControl } from "../../server/control.ts";
import { defineModule } from "../../server/index.ts";
import { textOf } from "../../server/stanza.ts";
import { createMemoryStore } from "../../storage/memory.ts";
import type { Store } from "../../storage/store.ts";
import type { ScriptedClient } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { Foreign, pidf } from "../support/foreign.ts";
import { scramLogin } from "../support/scram-client.ts";
import { cleanUp, startServer } from "../support/server.ts";

const SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
const PASSWORD = "Wherefore-art-thou-4711";
const NEW_PASSWORD = "Deny-thy-father-0815";
const GUESS = "A-rose-by-any-other-name-42";
const BODY = "Parting is such sweet sorrow";
const NOTE = "Wooing in the orchard tonight";
const SECRETS = { PASSWORD, NEW_PASSWORD, GUESS, BODY, NOTE };

type Line = { readonly level: string; readonly msg: string; readonly [field: string]: unknown };

/** The text as it may turn up: as it is, and in the encodings that protocols and programs put it in. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  // In base64 it looks different at each offset from a multiple of three; the characters at the edges hold other bits, too.
  const base64 = [0, 1, 2].flatMap((offset) => {
    const padded = Buffer.concat([Buffer.alloc(offset), bytes]);
    const inner = padded
      .toString("base64")
      .replace(/=+$/, "")
      .slice(Math.ceil((offset * 8) / 6), -1);
    return [inner, inner.replaceAll("+", "-").replaceAll("/", "_")];
  });
  return [
    secret,
    encodeURIComponent(secret),
    bytes.toString("hex"),
    JSON.stringify([...bytes]).slice(1, -1),
    ...base64,
  ];
}

function capture() {
  let text = "";
  const logger = createLogger("debug", false, {
    write: (line) => {
      text += line;
    },
  });
  const lines = (): Line[] =>
    text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Line);
  return { logger, text: () => text, lines };
}

/** Logs in over the wire with SCRAM-SHA-256; the last outcome's kind. */
async function scram(client: ScriptedClient, username: string, password: string): Promise<string> {
  let element = "auth";
  const exchange = {
    async step(message: Buffer | undefined) {
      const attributes = element === "auth" ? " mechanism='SCRAM-SHA-256'" : "";
      const text = (message ?? Buffer.alloc(0)).toString("base64");
      client.write(`<${element} xmlns='${SASL}'${attributes}>${text}</${element}>`);
      element = "response";
      const answer = await client.next();
      const data = Buffer.from(textOf(answer), "base64");
      if (answer.name === "challenge") return { kind: "challenge", data } as const;
      if (answer.name === "success") return { kind: "success", localpart: username, data } as const;
      return { kind: "failure", condition: "not-authorized" } as const;
    },
  };
  return (await scramLogin(exchange, { hash: "sha256", username, password })).kind;
}

async function encrypted(server: Awaited<ReturnType<typeof startServer>>): Promise<ScriptedClient> {
  const client = await server.connect();
  await client.open();
  await client.startTls();
  return client;
}

test("passwords, tokens, messages and notes are in no line; errors have their stack; lines have their stream", async () => {
  const { logger, text, lines } = capture();
  const folder = await temporaryFolder();
  const failing = defineModule({
    name: "failing",
    spec: "none",
    setup: () => ({
      iq: [
        {
          type: "set",
          ns: "urn:example:fail",
          name: "fail",
          to: ["domain"],
          handle: () => {
            throw new Error("the handler failed");
          },
        },
      ],
    }),
  });
  const inner = createMemoryStore();
  const store: Store = {
    ...inner,
    gateway: { ...inner.gateway, listTokens: () => Promise.reject(new Error("the token table is gone")) },
  };
  const server = await startServer(
    { gateway: { domains: { "example.net": {} } }, limits: { loginAttempts: 2 } },
    { logger, store, modules: [failing] },
  );
  await mkdir(join(folder, "s"));
  const socket = join(folder, "s", "control.sock");
  const control = await serveControl(server.admin, socket, logger);
  cleanUp(() => control.close());
  const admin = await connectAdmin(socket);
  if (admin === undefined) throw new Error("the control socket does not answer");

  await admin.addUser("juliet", PASSWORD);
  await admin.addUser("nurse", PASSWORD);
  await expect(admin.addUser("juliet", PASSWORD)).rejects.toThrow(/exists already/);
  await expect(admin.listTokens()).rejects.toThrow(/its log says why/);
  const { token } = await admin.addToken("domain:example.net");
  const foreign = new Foreign(server.addresses.http as number, token);
  await foreign.presentity("romeo@example.net", { subscriptions: "allow" });

  // Logins, right and wrong, by both kinds of mechanism.
  const juliet = await encrypted(server);
  expect(await scram(juliet, "juliet", PASSWORD)).toBe("success");
  await juliet.open();
  await juliet.bind("balcony");
  const nurse = await server.client("nurse", { password: PASSWORD, resource: "hall" });
  const guesser = await encrypted(server);
  expect(await scram(guesser, "juliet", GUESS)).toBe("failure");
  guesser.write(
    `<auth xmlns='${SASL}' mechanism='PLAIN'>${Buffer.from(`\0juliet\0${GUESS}`).toString("base64")}</auth>`,
  );
  await guesser.expect(`<failure xmlns='${SASL}'><not-authorized/></failure>`);
  await guesser.expectStreamError("policy-violation");

  // Presence and messages: between users, to one who is away, to and from the foreign side, and what goes wrong there.
  for (const client of [juliet, nurse]) client.send(`<presence><status>${NOTE}</status></presence>`);
  await juliet.sync();
  juliet.send(`<message to='nurse@example.com' type='chat' id='1'><body>${BODY}</body></message>`);
  await nurse.until("<message id='1'/>");
  await nurse.close();
  juliet.send(`<message to='nurse@example.com' type='chat' id='2'><body>${BODY}</body></message>`);
  juliet.send(`<message to='romeo@example.net' type='chat' id='3'><body>${BODY}</body></message>`);
  juliet.send(`<message to='nobody@elsewhere.example' type='chat' id='4'><body>${BODY}</body></message>`);
  await juliet.until("<message type='error' id='4'/>");
  const returned = await server.client("nurse", { password: PASSWORD, resource: "hall" });
  returned.send("<presence/>");
  await returned.until("<message id='2'/>");
  juliet.send("<presence to='romeo@example.net' type='subscribe'/>");
  expect((await foreign.publish("romeo@example.net", pidf("romeo@example.net", { id: "a", note: NOTE }))).status).toBe(
    201,
  );
  const object = `From: <im:romeo@example.net>\nTo: <im:juliet@example.com>\n\nContent-type: text/plain; charset=utf-8\n\n${BODY}`;
  expect((await foreign.message(object)).status).toBe(200);
  const refused = await Promise.all([
    foreign.message(`From: nobody\n\n${BODY}`),
    foreign.publish("romeo@example.net", `<presence>${NOTE}`),
    foreign.call("PUT", "/presentities/romeo@example.net", `{"formalName": "${BODY}"`, {
      "content-type": "application/json",
    }),
  ]);
  expect(refused.filter(({ status }) => status < 400)).toEqual([]);
  expect((await new Foreign(server.addresses.http as number, GUESS).message(object)).status).toBe(401);

  // What no client should send, with a body about it.
  expect((await juliet.ask("set", `<fail xmlns='urn:example:fail'>${BODY}</fail>`, "example.com")).toString()).toMatch(
    /internal-server-error/,
  );
  for (const bad of [
    `<message to='nurse@example.com'><body>${BODY} &none;</body></message>`,
    `<message to='nurse@example.com'><body>${BODY}</bdy></message>`,
    `${BODY}<presence/>`,
    `<message from='romeo@example.com/x'><body>${BODY}</body></message>`,
  ]) {
    const client = await server.client("nurse", { password: PASSWORD });
    client.write(bad);
    await client.until("<error xmlns='http://etherx.jabber.org/streams'/>");
    await client.ended();
  }
  const noTls = tcpConnect(server.addresses.c2s, "127.0.0.1");
  noTls.end(`${PASSWORD}\n`);
  await once(noTls.resume(), "close");

  await admin.setPassword("juliet", NEW_PASSWORD);
  await juliet.until("<error xmlns='http://etherx.jabber.org/streams'/>");
  await admin.deleteUser("nurse");
  await server.reloadCertificates();
  await server.stop();

  const log = text();
  for (const [name, secret] of Object.entries({ ...SECRETS, token })) {
    for (const form of formsOf(secret)) {
      expect(log.toLowerCase().includes(form.toLowerCase()), `${name} as ${form}`).toBe(false);
    }
  }

  const events = lines();
  expect(events.map(({ msg }) => msg)).toEqual(
    expect.arrayContaining([
      "bound",
      "certificate-reloaded",
      "control-call-failed",
      "http-request",
      "http-unauthorized",
      "login",
      "login-failed",
      "password-changed",
      "session-ended",
      "stanza-failed",
      "started",
      "stopped",
      "stream-closed",
      "stream-error",
      "stream-opened",
      "token-added",
      "user-added",
      "user-deleted",
    ]),
  );
  const find = (msg: string): Line[] => events.filter((line) => line.msg === msg);
  for (const msg of ["control-call-failed", "stanza-failed"]) {
    expect(find(msg)).toMatchObject([
      { level: "error", err: { type: "Error", stack: expect.stringMatching(/\n +at /) } },
    ]);
  }
  for (const msg of [
    "bound",
    "login",
    "login-failed",
    "session-ended",
    "stanza-failed",
    "stream-closed",
    "stream-error",
    "stream-opened",
  ]) {
    for (const line of find(msg)) expect(line.stream, msg).toMatch(/^[\w-]{8}$/);
  }
  expect(find("login")[0]).toMatchObject({ mechanism: "SCRAM-SHA-256", localpart: "juliet", address: "127.0.0.1" });
  expect(find("login-failed").map(({ mechanism }) => mechanism)).toEqual(["SCRAM-SHA-256", "PLAIN"]);
  const stream = find("login")[0]?.stream;
  expect(events.filter((line) => line.stream === stream).map(({ msg }) => msg)).toEqual(
    expect.arrayContaining(["stream-opened", "login", "bound", "session-ended", "stream-closed"]),
  );
});

test("the forms of a secret are what encoders make of it", () => {
  const [text, , hex, list, ...base64] = formsOf("s3cret words");
  expect(`x${text}y`).toContain("s3cret words");
  expect(hex).toBe("73336372657420776f726473");
  expect(list).toMatch(/^115,51,99,/);
  for (const prefix of ["", "a", "ab", "abc", "\0juliet\0"]) {
    const encoded = Buffer.from(`${prefix}s3cret words tail`).toString("base64");
    expect(
      base64.some((form) => encoded.includes(form)),
      prefix,
    ).toBe(true);
  }
});
