// The settings of a gateway domain, through the whole gateway: how addresses are escaped (JC-01), which extended statuses are
// written (JC-52). Two domains in one server, set differently.

import { describe, expect, it } from "vitest";
import type { ScriptedClient } from "../support/client.ts";
import { cpim, type EventStream, Foreign, pidf } from "../support/foreign.ts";
import { cleanUp, startServer } from "../support/server.ts";

const GATEWAY = {
  domains: {
    "old.example": { addressForm: "rfc3922", statusForms: "all" },
    "new.example": { addressForm: "xep0106", statusForms: "im" },
  },
} as const;

type Stage = { readonly user: ScriptedClient; readonly foreign: Foreign; readonly events: EventStream };

/** D'Artagnan's account is in the domain's form; so is O'Malley, the presentity. */
async function stage(domain: string, localpart: string): Promise<Stage> {
  const server = await startServer({ gateway: GATEWAY });
  const foreign = await Foreign.of(server, `domain:${domain}`);
  await foreign.presentity(`o%27malley@${domain}`.replace("%", "%25"), { subscriptions: "allow" });
  const user = await server.online(localpart, { resource: "home" });
  const events = await foreign.events(`/domains/${domain}/events`);
  cleanUp(async () => events.close());
  return { user, foreign, events };
}

describe.each([
  ["old.example", "o#27;malley", "d#27;artagnan"],
  ["new.example", "o\\27malley", "d\\27artagnan"],
])("%s: O'Malley is %s, D'Artagnan is %s", (domain, omalley, dartagnan) => {
  const jid = `${omalley}@${domain}`;
  const user = `${dartagnan}@example.com`;
  const [uri, userUri] = [`o%27malley@${domain}`, "d%27artagnan@example.com"];
  const path = `/presentities/o'malley@${domain}`;

  it("messages both ways", async () => {
    const { user: client, foreign, events } = await stage(domain, dartagnan);
    client.send(`<message to='${jid}' id='m1'><body>En garde</body></message>`);
    const { data } = await events.expect("message", { source: `im:${userUri}`, destination: `im:${uri}` });
    expect(data.object).toContain(`\r\nFrom: <im:${userUri}>\r\nTo: <im:${uri}>\r\n`);
    expect((await foreign.message(cpim(uri, userUri, "Touch\u00e9"))).status).toBe(200);
    await client.expect(`<message from='${jid}' to='${user}'><body>Touch\u00e9</body></message>`);
  });

  it("presence to the user, and who watches", async () => {
    const { user: client, foreign } = await stage(domain, dartagnan);
    expect((await foreign.publish(uri.replace("%", "%25"), pidf(uri, { id: "deck" }))).status).toBe(201);
    client.send(`<presence to='${jid}' type='subscribe' id='s1'/>`);
    await client.until(`<presence from='${jid}/deck' type='{absent}'/>`);
    expect((await foreign.call("GET", `${path}/watchers`)).json()).toMatchObject([{ watcher: `pres:${userUri}` }]);
    expect((await foreign.call("GET", path)).json()).toMatchObject({ address: uri });
  });

  it("presence from the user, with the statuses of the domain", async () => {
    const { user: client, foreign, events } = await stage(domain, dartagnan);
    const asked = await foreign.call("PUT", `${path}/subscriptions/pres:d%2527artagnan@example.com`, {});
    expect(asked.status).toBe(202);
    await client.until(`<presence type='subscribe' from='${jid}'/>`);
    client.send(`<presence type='subscribed' to='${jid}'/>`);
    await events.expect("response", { status: "success" });
    await events.expect("notify", { target: `pres:${userUri}`, watcher: `pres:${uri}` });
    client.send("<presence><show>dnd</show></presence>");
    const document = (await events.expect("notify")).data.object as string;
    expect(document).toContain(`entity="pres:${userUri}"`);
    expect(document).toContain(`<contact>im:${userUri}</contact>`);
    expect(document).toContain("<im:im>busy</im:im>");
    const all = domain === "old.example";
    expect(document.includes("<show xmlns='jabber:client'>dnd</show>")).toBe(all);
    expect(document.includes("<rpid:activities><rpid:busy/></rpid:activities>")).toBe(all);
    expect(document.includes("rpid") || document.includes("jabber:client")).toBe(all);
    expect((await foreign.call("GET", `${path}/subscriptions`)).json()).toMatchObject([{ target: `pres:${userUri}` }]);
  });

  it("access rules", async () => {
    const { user: client, foreign } = await stage(domain, dartagnan);
    const rules = { allowFrom: [`im:${userUri}`] };
    expect((await foreign.call("PUT", path, rules)).json()).toMatchObject({ allowFrom: [user] });
    client.send(`<message to='${jid}' id='m1'><body>En garde</body></message>`);
    await client.expectNothing();
    const other = await foreign.call("PUT", path, { allowFrom: ["im:a%3Ab@example.com"] }); // "a:b"
    expect(other.status).toBe(domain === "old.example" ? 400 : 200);
  });
});
