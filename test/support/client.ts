// The scripted client is part of the kit for others.

export { type Login, ScriptedClient } from "../../server/testing/scripted-client.ts";
