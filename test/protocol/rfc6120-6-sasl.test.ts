// RFC 6120 section 6: SASL; docs/credentials.md.

import { describe, expect, it } from "vitest";
import type { ScriptedClient } from "../support/client.ts";
import { gatedStore } from "../support/gated-store.ts";
import { scramClient } from "../support/scram-client.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { overWebSocket } from "../support/under-test.ts";

const SASL = "urn:ietf:params:xml:ns:xmpp-sasl";

async function secured(server: TestServer): Promise<ScriptedClient> {
  const client = await server.connect();
  await client.open();
  await client.startTls();
  return client;
}

function plain(user: string, password: string, authzid = ""): string {
  return Buffer.from(`${authzid}\0${user}\0${password}`).toString("base64");
}

function auth(text: string, mechanism = "PLAIN"): string {
  return `<auth xmlns='${SASL}' mechanism='${mechanism}'>${text}</auth>`;
}

describe("RFC 6120 section 6.3.3 and XEP-0440: what is offered", () => {
  it("inside TLS: all mechanisms, the strongest first, and the binding types", async () => {
    const server = await startServer();
    const client = await server.connect();
    await client.open();
    const features = await client.startTls();
    const mechanisms = features
      .getChild("mechanisms")
      ?.getChildElements()
      .map((el) => el.getText());
    expect(mechanisms).toEqual(["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"]);
    const bindings = features.getChild("sasl-channel-binding", "urn:xmpp:sasl-cb:0");
    expect(bindings?.getChildElements().map((el) => el.attrs.type)).toEqual(["tls-exporter", "tls-server-end-point"]);
  });

  it("auth.plain false: no PLAIN", async () => {
    const server = await startServer({ auth: { plain: false } });
    const client = await server.connect();
    await client.open();
    expect((await client.startTls()).toString()).not.toContain("PLAIN");
  });

  it("auth.storage bcrypt: PLAIN alone", async () => {
    const server = await startServer({ auth: { storage: "bcrypt", bcryptCost: 4 } });
    await server.online("juliet");
    const client = await server.connect();
    await client.open();
    const features = await client.startTls();
    expect(
      features
        .getChild("mechanisms")
        ?.getChildElements()
        .map((el) => el.getText()),
    ).toEqual(["PLAIN"]);
  });
});

describe("RFC 6120 section 6.5: failures", () => {
  it.each([
    ["6.5.10 a wrong password", auth(plain("juliet", "wrong")), "not-authorized"],
    ["6.5.10 an unknown user", auth(plain("nobody", "wrong")), "not-authorized"],
    ["6.5.5 no base64", auth("%%%"), "incorrect-encoding"],
    ["6.5.5 base64 cut short", auth("AGp1bGll="), "incorrect-encoding"],
    ["13.9.1 base64 with white space", auth(`${plain("juliet", "secret")}\n`), "incorrect-encoding"],
    ["13.9.1 base64 with characters of another alphabet", auth("AGp1bGll-_=="), "incorrect-encoding"],
    ["13.9.1 padding in front", auth("=AAA"), "incorrect-encoding"],
    ["13.9.1 padding in the middle", auth("BBBB=CCC"), "incorrect-encoding"],
    ["13.9.1 padding bits that are not zero", auth("AGEAYh=="), "incorrect-encoding"],
    ["13.9.1 too much padding", auth("===="), "incorrect-encoding"],
    ["6.5.6 another's authzid", auth(plain("juliet", "secret", "romeo@example.com")), "invalid-authzid"],
    ["6.5.7 an unknown mechanism", auth("AA==", "KERBEROS_V4"), "invalid-mechanism"],
    ["6.5.7 no mechanism", `<auth xmlns='${SASL}'/>`, "invalid-mechanism"],
    ["6.5.7 a mechanism in another spelling", auth("AA==", "plain"), "invalid-mechanism"],
    ["6.5.7 a mechanism that is a property of every object", auth("AA==", "constructor"), "invalid-mechanism"],
    ["6.5.8 a response to nothing", `<response xmlns='${SASL}'/>`, "malformed-request"],
    ["6.5.8 an empty initial response", auth("="), "malformed-request"],
    ["6.5.8 elements in the request", auth("<AA==/>").replace("<AA==/>", "<a/>"), "malformed-request"],
    ["6.5.8 a challenge, which is the server's", `<challenge xmlns='${SASL}'/>`, "malformed-request"],
    ["6.5.8 success, which is the server's", `<success xmlns='${SASL}'/>`, "malformed-request"],
    ["6.5.8 no element of SASL", `<other xmlns='${SASL}'/>`, "malformed-request"],
    ["6.4.4 abort", `<abort xmlns='${SASL}'/>`, "aborted"],
  ])("%s: %s", async (_name, input, condition) => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const client = await secured(server);
    client.write(input);
    const failure = await client.expect(`<failure xmlns='${SASL}'><${condition}/></failure>`);
    expect(failure.getChildElements()).toHaveLength(1);
    await client.authenticate("juliet", "secret"); // the stream is still good
    await client.close();
  });

  it("6.5.9: PLAIN where it is switched off is mechanism-too-weak", async () => {
    const server = await startServer({ auth: { plain: false } });
    await server.admin.addUser("juliet", "secret");
    const client = await secured(server);
    client.write(auth(plain("juliet", "secret")));
    await client.expect(`<failure xmlns='${SASL}'><mechanism-too-weak/></failure>`);
  });

  it("6.5.11: an error behind the scenes is temporary-auth-failure, and the stream is still good", async () => {
    const { store, hold } = gatedStore();
    const server = await startServer({}, { store });
    await server.admin.addUser("juliet", "secret");
    const client = await secured(server);
    const gate = hold("accounts", "get");
    client.write(auth(plain("juliet", "secret")));
    await gate.reached;
    gate.fail(new Error("the disk is on fire"));
    const failure = await client.expect(`<failure xmlns='${SASL}'><temporary-auth-failure/></failure>`);
    expect(failure.toString()).not.toContain("fire");
    await client.authenticate("juliet", "secret");
  });

  it("6.4.5: at least two retries, as they come", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const client = await secured(server);
    for (let n = 0; n < 4; n++) {
      client.write(auth(plain("juliet", "wrong")));
      await client.expect(`<failure xmlns='${SASL}'><not-authorized/></failure>`);
    }
    await client.authenticate("juliet", "secret");
  });

  it("6.4.5: after limits.loginAttempts failures the stream is closed with policy-violation", async () => {
    const server = await startServer({ limits: { loginAttempts: 3 } });
    const client = await secured(server);
    for (let n = 0; n < 3; n++) {
      client.write(auth(plain("juliet", "wrong")));
      await client.expect(`<failure xmlns='${SASL}'><not-authorized/></failure>`);
    }
    await client.expectStreamError("policy-violation");
  });

  it("6.4.6: a stanza before login is not-authorized", async () => {
    const server = await startServer();
    const client = await secured(server);
    client.write("<message to='juliet@example.com'><body>hi</body></message>");
    await client.expectStreamError("not-authorized");
  });

  it("an unknown user and a wrong password get the same answers in a SCRAM exchange", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const shapes: string[] = [];
    for (const user of ["juliet", "nobody"]) {
      const client = await secured(server);
      client.write(auth(Buffer.from(`n,,n=${user},r=abcdefgh`).toString("base64"), "SCRAM-SHA-1"));
      const challenge = Buffer.from((await client.next()).getText(), "base64").toString();
      const nonce = /r=([^,]+)/.exec(challenge)?.[1];
      client.write(
        `<response xmlns='${SASL}'>${Buffer.from(`c=biws,r=${nonce},p=${Buffer.alloc(20).toString("base64")}`).toString("base64")}</response>`,
      );
      const failure = await client.next();
      shapes.push(
        challenge.replace(/r=[^,]+/, "r=").replace(/s=[^,]+/, (salt) => `s=${salt.length}`) + failure.toString(),
      );
      await client.close();
    }
    expect(shapes[0]).toBe(shapes[1]);
    expect(shapes[0]).toContain("not-authorized");
  });
});

describe("RFC 6120 section 6.4: the exchange", () => {
  /** SCRAM-SHA-256 up to its last message, which is not sent yet. */
  async function scramHalfWay(client: ScriptedClient): Promise<{ last: string; serverFinal: string }> {
    const scram = scramClient({ hash: "sha256", username: "juliet", password: "secret" });
    client.write(auth(Buffer.from(scram.first).toString("base64"), "SCRAM-SHA-256"));
    const challenge = await client.expect(`<challenge xmlns='${SASL}'>{any}</challenge>`);
    const { message, serverFinal } = scram.final(Buffer.from(challenge.getText(), "base64").toString());
    return { last: `<response xmlns='${SASL}'>${Buffer.from(message).toString("base64")}</response>`, serverFinal };
  }

  it("6.3.10 and 6.4.6: an initial response, and additional data with success: two round trips", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const client = await secured(server);
    const { last, serverFinal } = await scramHalfWay(client);
    client.write(last);
    const success = await client.expect(`<success xmlns='${SASL}'>{any}</success>`);
    expect(Buffer.from(success.getText(), "base64").toString()).toBe(serverFinal);
    await client.open();
    await client.bind();
  });

  it.each(["PLAIN", "SCRAM-SHA-1"])("6.3.10: without an initial response it is asked for: %s", async (mechanism) => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const client = await secured(server);
    client.write(auth("", mechanism));
    const challenge = await client.expect(`<challenge xmlns='${SASL}'/>`);
    expect(challenge.getText()).toBe("");
    if (mechanism === "PLAIN") {
      client.write(`<response xmlns='${SASL}'>${plain("juliet", "secret")}</response>`);
      await client.expect(`<success xmlns='${SASL}'/>`);
      await client.open();
    } else {
      client.write(`<response xmlns='${SASL}'>${Buffer.from("n,,n=juliet,r=abc").toString("base64")}</response>`);
      await client.expect(`<challenge xmlns='${SASL}'>{any}</challenge>`);
    }
  });

  it("6.3.5: no white space is sent between the elements of an exchange, and its data is base64 in one form", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const client = await secured(server);
    const before = client.received.length;
    const { last } = await scramHalfWay(client);
    client.write(last);
    await client.expect(`<success xmlns='${SASL}'>{any}</success>`);
    expect(client.received.slice(before)).toMatch(
      /^<challenge xmlns='[^']*'>[A-Za-z0-9+/]+=*<\/challenge><success xmlns='[^']*'>[A-Za-z0-9+/]+=*<\/success>$/,
    );
    await client.open();
  });

  it("6.4.2: another auth discards the handshake that is under way, and is processed itself", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const client = await secured(server);
    const { last } = await scramHalfWay(client);
    client.write(auth("", "PLAIN"));
    await client.expect(`<challenge xmlns='${SASL}'/>`);
    client.write(last); // belongs to the handshake that is gone
    await client.expect(`<failure xmlns='${SASL}'><malformed-request/></failure>`);
    await scramHalfWay(client);
    await client.authenticate("juliet", "secret");
  });

  it("6.4.4: abort ends the handshake that is under way", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const client = await secured(server);
    const { last } = await scramHalfWay(client);
    client.write(`<abort xmlns='${SASL}'/>`);
    await client.expect(`<failure xmlns='${SASL}'><aborted/></failure>`);
    client.write(last);
    await client.expect(`<failure xmlns='${SASL}'><malformed-request/></failure>`);
    await client.authenticate("juliet", "secret");
  });

  it("6.4.6: the client must begin a new stream; a stanza in its place ends the connection", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const romeo = await server.online("romeo");
    const client = await secured(server);
    client.write(auth(plain("juliet", "secret")));
    await client.expect(`<success xmlns='${SASL}'/>`);
    client.restart();
    client.write("<message xmlns='jabber:client' to='romeo@example.com'><body>hi</body></message>");
    await client.nextOpen();
    await client.expectStreamError("invalid-namespace");
    await romeo.expectNothing();
  });

  it("6.4.6: no login is left to do after it", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const client = await secured(server);
    const features = await client.authenticate("juliet", "secret");
    expect(features.getChild("mechanisms")).toBeUndefined();
    client.write(auth(plain("juliet", "secret")));
    await client.expectStreamError("policy-violation");
  });

  it.skipIf(overWebSocket())("6.4.6 and 13.7.2: who says inside TLS to be somebody else must not log in", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    for (const [from, welcome] of [
      ["juliet@example.com", true],
      ["JULIET@EXAMPLE.com/balcony", true],
      ["romeo@example.com", false],
      ["juliet@example.org", false],
    ] as const) {
      const client = await server.connect();
      await client.open();
      await client.startTls();
      const again = await server.connect();
      await again.open();
      again.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
      await again.expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
      await again.upgrade();
      await again.open(`from='${from}'`);
      if (welcome) {
        await again.authenticate("juliet", "secret");
      } else {
        again.write(auth(plain("juliet", "secret")));
        await again.expectStreamError("invalid-from");
      }
      // and the same after it
      client.write(auth(plain("juliet", "secret")));
      await client.expect(`<success xmlns='${SASL}'/>`);
      if (welcome) {
        expect((await client.open(`from='${from}'`)).name).toBe("features");
      } else {
        client.cut();
      }
    }
  });

  it("4.9.3.9: nor bind as somebody else", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const client = await secured(server);
    client.write(auth(plain("juliet", "secret")));
    await client.expect(`<success xmlns='${SASL}'/>`);
    expect((await client.open("from='romeo@example.com'")).toString()).toContain("invalid-from");
    await client.expectClosed();
  });
});

describe("two spellings of one account", () => {
  it("log in as the same user (RFC 7622 section 3.3)", async () => {
    const server = await startServer();
    await server.admin.addUser("Jülie", "secret");
    const client = await server.client("JÜLIE", { password: "secret" });
    expect(client.bare).toBe("jülie@example.com");
  });
});

describe("a connection that is cut at every step", () => {
  it("leaves the server as it was", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const steps: ((client: ScriptedClient) => Promise<unknown>)[] = [
      (client) => client.open(),
      (client) => client.startTls(),
      (client) => client.authenticate("juliet", "secret"),
      (client) => client.bind("balcony"),
    ];
    for (let count = 0; count <= steps.length; count++) {
      const client = await server.connect();
      for (const step of steps.slice(0, count)) await step(client);
      client.write("<iq type='get' id='1'><que");
      client.cut();
    }
    const juliet = await server.online("juliet");
    await juliet.expectNothing();
  });
});
