// XEP-0479 section 2.2: the Web suite.

import assert from "node:assert/strict";
import { RawWebSocket } from "../support/raw-websocket.ts";
import { chat, type Stage } from "./stage.ts";
import type { Category } from "./suite.ts";

const FRAMING = "urn:ietf:params:xml:ns:xmpp-framing";
const RELATION = "urn:xmpp:alt-connections:websocket";

async function webSocket(stage: Stage): Promise<void> {
  const raw = await RawWebSocket.connect(stage.target.httpsPort, {}, true);
  raw.send(`<open xmlns='${FRAMING}' to='${stage.domain}' version='1.0'/>`);
  assert.match(await raw.next(), /^<open /);
  assert.match(await raw.next(), /^<stream:features.* xmlns(:stream)?=/);
  raw.send(`<close xmlns='${FRAMING}'/>`);
  assert.match((await raw.untilClosed()).messages.join(), /^<close /);
  const [juliet, romeo] = [await stage.online("juliet", { over: "websocket" }), await stage.online("romeo")];
  juliet.send(chat(romeo.full, "hark"));
  await romeo.expect(`<message from='${juliet.full}'><body>hark</body></message>`);
  romeo.send(chat(juliet.full, "who calls"));
  await juliet.expect(`<message from='${romeo.full}'><body>who calls</body></message>`);
}

async function hostMeta(stage: Stage): Promise<void> {
  const url = `https://${stage.domain}:${stage.target.httpsPort}/.well-known/host-meta`;
  const { links } = JSON.parse((await stage.https(`${url}.json`)).body) as { links: { rel: string; href: string }[] };
  const href = links.find(({ rel }) => rel === RELATION)?.href ?? "";
  assert.match(href, /^wss:/);
  const xrd = await stage.https(url);
  assert(xrd.body.includes(href), `no ${href} in ${xrd.body}`);
  assert.equal(xrd.headers["access-control-allow-origin"], "*");
  assert.equal(new URL(href).port, `${stage.target.httpsPort}`);
}

export const WEB: Category = {
  "Web Connection Mechanisms": {
    "RFC 7395": [
      {
        shows: "open and close in frames; login, and messages both ways with a client on TCP",
        scene: webSocket,
        needs: ["https"],
      },
    ],
    "XEP-0206": [{ notOffered: "BOSH is not offered; WebSocket is, which today's web clients prefer" }],
  },
  "Connection Mechanism Discovery": {
    "XEP-0156": [
      {
        shows: "both formats of host-meta name the WebSocket, readable by any page",
        scene: hostMeta,
        needs: ["https"],
      },
    ],
  },
};
