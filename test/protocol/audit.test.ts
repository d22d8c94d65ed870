// The audit trail of a running server: who logged in or tried to, and what was changed, with whom and from where.

import { expect, test } from "vitest";
import { openDatabase } from "../../storage/sqlite/open.ts";
import { sqliteStore } from "../../storage/sqlite.ts";
import type { AuditRecord } from "../../storage/store.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { temporaryFolder } from "../support/folder.ts";
import { Foreign } from "../support/foreign.ts";
import { startServer } from "../support/server.ts";

const SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
const withoutTime = (records: readonly AuditRecord[]): Omit<AuditRecord, "at">[] =>
  records.map(({ at: _, ...rest }) => rest);

test("logins and failures, password, tokens, users and presentities, oldest at the end", async () => {
  const server = await startServer({ gateway: { domains: { "example.net": {} } } });
  const { admin } = server;
  await admin.addUser("juliet", "secret");
  await server.client("juliet");
  const guesser = await server.connect();
  await guesser.open();
  await guesser.startTls();
  for (const message of ["\0juliet\0guess", "\0nobody\0guess", "no message"]) {
    guesser.write(`<auth xmlns='${SASL}' mechanism='PLAIN'>${Buffer.from(message).toString("base64")}</auth>`);
    await guesser.expect(`<failure xmlns='${SASL}'/>`);
  }
  await admin.setPassword("juliet", "other");
  await admin.deleteUser("juliet");
  const foreign = await Foreign.of(server, "domain:example.net");
  for (const name of ["romeo", "tybalt"]) await foreign.presentity(`${name}@example.net`);
  expect((await foreign.call("DELETE", "/presentities/romeo@example.net")).status).toBe(204);
  await admin.deletePresentity("tybalt@example.net");
  const [{ id = "" } = {}] = await admin.listTokens();
  await admin.revokeToken(id);

  const juliet = "juliet@example.com";
  const local = { address: "", detail: "" };
  const remote = { address: "127.0.0.1" };
  const wrong = "PLAIN: not-authorized: wrong password or no such account";
  expect(withoutTime(await admin.listAudit(100)).reverse()).toEqual([
    { event: "user-added", account: juliet, ...local },
    { event: "login", account: juliet, ...remote, detail: "PLAIN" },
    { event: "login-failed", account: juliet, ...remote, detail: wrong },
    { event: "login-failed", account: "nobody@example.com", ...remote, detail: wrong },
    { event: "login-failed", account: "", ...remote, detail: "PLAIN: malformed-request: not a PLAIN message" },
    { event: "password-changed", account: juliet, ...local },
    { event: "user-deleted", account: juliet, ...local },
    { event: "token-added", account: "", address: "", detail: `${id} domain:example.net` },
    {
      event: "presentity-deleted",
      account: "romeo@example.net",
      ...remote,
      detail: "by a token for domain:example.net",
    },
    { event: "presentity-deleted", account: "tybalt@example.net", ...local },
    { event: "token-revoked", account: "", address: "", detail: id },
  ]);
  expect(await admin.listAudit(1)).toHaveLength(1);
  for (const limit of [0, -1, 1.5, 10_001, Number.NaN]) {
    await expect(admin.listAudit(limit)).rejects.toMatchObject({ code: "invalid" });
  }
});

test("a login waits for no commit, and many of them cost one", async () => {
  const clock = new FakeClock(Date.now());
  const store = sqliteStore(openDatabase(`${await temporaryFolder()}/balcony.sqlite`));
  const server = await startServer({}, { store, clock });
  await server.client("juliet");
  const commits = (): number => store.statistics?.commits ?? Number.NaN;
  const before = commits();
  for (let n = 0; n < 20; n += 1) await server.client("juliet");
  expect(commits()).toBe(before);
  clock.advance(1_000);
  expect(await server.admin.listAudit(100)).toHaveLength(22);
  expect(commits()).toBe(before + 1);
});

test("what was noted last is written when the server stops", async () => {
  const folder = await temporaryFolder();
  const config = { storage: { path: folder } };
  const first = await startServer(config);
  await first.client("juliet");
  await first.stop();
  const second = await startServer(config);
  expect(withoutTime(await second.admin.listAudit(1))).toEqual([
    { event: "login", account: "juliet@example.com", address: "127.0.0.1", detail: "PLAIN" },
  ]);
});
