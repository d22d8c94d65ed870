// XEP-0479 section 2.4: the Mobile suite, and its stream management, which the IM suite asks for, too.

import assert from "node:assert/strict";
import { befriend } from "../../server/testing/befriend.ts";
import { announces, ask, chat, type Stage } from "./stage.ts";
import type { Category, Part } from "./suite.ts";

const SM = "urn:xmpp:sm:3";
const CSI = "urn:xmpp:csi:0";
const PUSH = "urn:xmpp:push:0";

async function resumption(stage: Stage): Promise<void> {
  const [juliet, features] = await stage.authenticated("juliet");
  assert(features.getChild("sm", SM), "not among the stream features");
  await juliet.bind();
  const { id } = (await juliet.enable()).attrs as { id: string };
  juliet.send("<presence/>");
  assert.equal(await juliet.askForAck(), 1);
  const romeo = await stage.online("romeo");
  romeo.send(chat(juliet.full, "one"));
  await juliet.until("<message><body>one</body></message>");
  juliet.ack();
  juliet.cut();
  romeo.send(chat(juliet.full, "two"));
  await romeo.sync();
  const [again] = await stage.authenticated("juliet");
  assert.equal((await again.resumeSession(id, juliet)).attrs.h, "1");
  await again.until(`<message from='${romeo.full}'><body>two</body></message>`);
  again.send(chat(romeo.full, "three"));
  await romeo.until(`<message from='${juliet.full}'><body>three</body></message>`);
}

async function clientState(stage: Stage): Promise<void> {
  const [juliet, features] = await stage.authenticated("juliet");
  assert(features.getChild("csi", CSI), "not among the stream features");
  await juliet.bind();
  juliet.send("<presence/>");
  const romeo = await stage.online("romeo");
  await befriend(juliet, romeo);
  juliet.send(`<inactive xmlns='${CSI}'/>`);
  await juliet.sync();
  for (const show of ["away", "dnd", "xa"]) romeo.send(`<presence><show>${show}</show></presence>`);
  romeo.send(chat(juliet.bare, "hark"));
  const shows: unknown[] = [];
  for (let next = await juliet.next(); next.name !== "message"; next = await juliet.next()) {
    shows.push(next.getChildText("show"));
  }
  assert.deepEqual(shows, ["xa"], "presence that is out of date was sent");
  juliet.send(`<active xmlns='${CSI}'/>`);
  await juliet.sync();
  romeo.send("<presence><show>away</show></presence>");
  await juliet.until(`<presence from='${romeo.full}'><show>away</show></presence>`);
}

async function push(stage: Stage): Promise<void> {
  const [app, juliet, romeo] = [await stage.component(), await stage.online("juliet"), await stage.online("romeo")];
  await announces(juliet, juliet.bare, PUSH);
  await ask(juliet, "set", `<enable xmlns='${PUSH}' jid='${app.domain}' node='phone'/>`);
  await juliet.close();
  romeo.send(chat(juliet.bare, "wherefore"));
  const iq = await app.until("<iq type='set'><pubsub xmlns='http://jabber.org/protocol/pubsub'/></iq>");
  const publish = iq.getChild("pubsub")?.getChild("publish");
  assert.equal(publish?.attrs.node, "phone");
  assert(publish.getChild("item")?.getChild("notification", PUSH), "no notification");
  assert.doesNotMatch(iq.toString(), /wherefore|romeo/);
  app.send(`<iq type='result' id='${iq.attrs.id}' from='${app.domain}' to='${iq.attrs.from}'/>`);
}

export const STREAM_MANAGEMENT: Part = {
  shows: "counts; a lost connection is resumed with what came meanwhile, under the same address",
  scene: resumption,
};

export const MOBILE: Category = {
  "Stream Management": { "XEP-0198": [STREAM_MANAGEMENT] },
  "Client State Indication": {
    "XEP-0352": [
      { shows: "inactive: the message at once, of three presences the last; active: all", scene: clientState },
    ],
  },
  "Third Party Push Notifications": {
    "XEP-0357": [
      {
        shows: "an app server, a component, is told of a message to who is away, and not what it says",
        scene: push,
        needs: ["component"],
      },
    ],
  },
};
