// A beginning that many tests have in common.

import type { ScriptedClient } from "./scripted-client.ts";

/** Makes two online users see each other: `a` and `b` subscribed both ways, and nothing of that left unread. */
export async function befriend(a: ScriptedClient, b: ScriptedClient): Promise<void> {
  a.send(`<presence to='${b.bare}' type='subscribe'/>`);
  await b.until(`<presence type='subscribe' from='${a.bare}'/>`);
  b.send(`<presence to='${a.bare}' type='subscribed'/>`);
  b.send(`<presence to='${a.bare}' type='subscribe'/>`);
  await a.until(`<presence type='subscribe' from='${b.bare}'/>`);
  a.send(`<presence to='${b.bare}' type='subscribed'/>`);
  await b.until(`<presence type='subscribed' from='${a.bare}'/>`);
  await a.sync();
  await b.sync();
}
