// Two servers of one program on one data folder: the second does not start, and the first does not notice.

import { chmod } from "node:fs/promises";
import { expect, test } from "vitest";
import { createServer, FolderLockedError } from "../../server/index.ts";
import { type LogFields, silentLogger } from "../../server/log.ts";
import { temporaryFolder } from "../support/folder.ts";
import { cleanUp, startServer } from "../support/server.ts";

test("the second is refused with the process that has it; once the first has stopped, a third starts", async () => {
  const config = { storage: { path: await temporaryFolder() } };
  const first = await startServer(config);
  const juliet = await first.online("juliet");
  const second = await createServer({ ...config, c2s: { port: 0, directTlsPort: null }, http: { port: null } });
  const refused = await second.start().catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(FolderLockedError);
  expect(String(refused)).toContain(`(this process, ${process.pid})`);
  expect(second.addresses.http).toBeNull();
  await juliet.expectNothing();
  expect(
    (await juliet.ask("set", "<query xmlns='jabber:iq:roster'><item jid='a@example.org'/></query>")).attrs.type,
  ).toBe("result");
  await first.stop();
  const third = await startServer(config);
  const answer = await (await third.client("juliet")).ask("get", "<query xmlns='jabber:iq:roster'/>");
  expect(answer.toString()).toContain("a@example.org");
});

test("a folder that others can write is used with a warning", async () => {
  const path = await temporaryFolder();
  await chmod(path, 0o770);
  const warnings: LogFields[] = [];
  const logger = { ...silentLogger(), warn: (fields: LogFields) => void warnings.push(fields) };
  const server = await createServer({ storage: { path } }, { logger });
  cleanUp(() => server.stop());
  expect(warnings).toEqual([
    { warning: `${path} can be written by other users of this machine; run: chmod go-w ${path}` },
  ]);
});
