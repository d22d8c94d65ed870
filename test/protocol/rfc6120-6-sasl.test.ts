// RFC 6120 section 6: SASL; spec/credentials.md.

import { describe, expect, it } from "vitest";
import type { ScriptedClient } from "../support/client.ts";
import { startServer, type TestServer } from "../support/server.ts";

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
    ["6.5.4 no base64", auth("%%%"), "incorrect-encoding"],
    ["6.5.4 base64 cut short", auth("AGp1bGll="), "incorrect-encoding"],
    ["6.5.6 another's authzid", auth(plain("juliet", "secret", "romeo@example.com")), "invalid-authzid"],
    ["6.5.7 an unknown mechanism", auth("AA==", "KERBEROS_V4"), "invalid-mechanism"],
    ["6.5.8 no mechanism", `<auth xmlns='${SASL}'/>`, "malformed-request"],
    ["6.5.8 a response to nothing", `<response xmlns='${SASL}'/>`, "malformed-request"],
    ["6.5.8 an empty initial response", auth("="), "malformed-request"],
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
