// XEP-0479 section 2.5: the A/V Calling suite.

import assert from "node:assert/strict";
import { announces, ask, type Stage } from "./stage.ts";
import type { Category } from "./suite.ts";

const NS = "urn:xmpp:extdisco:2";

async function services(stage: Stage): Promise<void> {
  const juliet = await stage.online("juliet");
  await announces(juliet, stage.domain, NS);
  const answer = await ask(juliet, "get", `<services xmlns='${NS}'/>`, stage.domain);
  const found =
    answer
      .getChild("services", NS)
      ?.getChildren("service")
      .map(({ attrs }) => attrs) ?? [];
  assert(
    found.some(({ type }) => type === "stun"),
    "no STUN server",
  );
  const turn = found.find(({ type }) => type === "turn");
  assert(turn?.username && turn.password, "no TURN server with credentials");
}

export const CALLS: Category = {
  "STUN/TURN server discovery": {
    "XEP-0215": [{ shows: "a STUN server, and a TURN server with credentials of the client's own", scene: services }],
  },
};
