// balcony/testing: a server for the tests of XMPP clients and bots, in their own process. Of the server itself nothing
// imports this.

export { Jid } from "../jid.ts";
export { Element } from "../stanza.ts";
export { befriend } from "./befriend.ts";
export type { Fault, FaultSpec, Hold } from "./faults.ts";
export { type Login, ScriptedClient } from "./scripted-client.ts";
export { difference, type Match, stanza } from "./template.ts";
export {
  type ClientOptions,
  createTestServer,
  type KillSpec,
  type TestServer,
  type TestServerParts,
} from "./test-server.ts";
export { VirtualClock } from "./virtual-clock.ts";
export type { Crossing, Side, Wire, WireEntry } from "./wire.ts";
