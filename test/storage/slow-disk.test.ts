// A disk that takes its time holds only those who store something.

import { expect, it } from "vitest";
import { openSqliteStore } from "../../storage/sqlite.ts";
import { startServer } from "../support/server.ts";
import { ControlledSync, Outcomes } from "./controlled-sync.ts";
import { temporaryFolder } from "./temporary.ts";

const path = temporaryFolder();

it("a session that stores nothing is not held by a slow disk (XEP-0199 section 4.2, RFC 6121 section 8.5.3.1)", async () => {
  const disk = new ControlledSync();
  const store = openSqliteStore(path(), { sync: disk.sync });
  const server = await startServer({}, { store });
  const juliet = await server.online("juliet");
  const romeo = await server.online("romeo");
  const nurse = await server.online("nurse");

  disk.hold();
  juliet.send("<iq type='set' id='slow'><query xmlns='jabber:iq:roster'><item jid='tybalt@example.net'/></query></iq>");
  await disk.reached();
  // Not for the archive, which would store them (XEP-0334 section 4.2).
  const say = (body: string): string => `<body>${body}</body><no-store xmlns='urn:xmpp:hints'/>`;
  const outcomes = new Outcomes();
  outcomes.watch("store", store.roster.get(juliet.bare, "tybalt@example.net"));

  for (const number of ["1", "2", "3"]) {
    romeo.send(`<message to='${nurse.full}' type='chat' id='${number}'>${say("Commend me to thy lady")}</message>`);
    await nurse.expect(`<message from='${romeo.full}' id='${number}'><body>Commend me to thy lady</body></message>`);
    nurse.send(`<message to='${romeo.full}' type='chat' id='${number}'>${say("Ay, a thousand times")}</message>`);
    await romeo.expect(`<message from='${nurse.full}' id='${number}'><body>Ay, a thousand times</body></message>`);
    await romeo.expectNothing(); // a ping of the server
  }
  // To her, too, things come: so her answer would have, if there were one.
  romeo.send(`<message to='${juliet.full}' type='chat' id='4'>${say("Farewell")}</message>`);
  await juliet.expect(`<message from='${romeo.full}' id='4'><body>Farewell</body></message>`);
  expect(outcomes.seen).toEqual([]);
  expect(disk.calls).toBeGreaterThan(0);

  disk.release();
  await juliet.until("<iq type='result' id='slow'/>");
  expect(outcomes.seen).toHaveLength(1);
});
