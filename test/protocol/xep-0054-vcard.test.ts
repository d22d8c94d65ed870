// XEP-0054 1.3.0: vcard-temp.

import { describe, expect, it } from "vitest";
import type { ScriptedClient } from "../support/client.ts";
import { befriend, startServer } from "../support/server.ts";

const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const GET = "<vCard xmlns='vcard-temp'/>";

function vcard(content: string): string {
  return `<vCard xmlns='vcard-temp'>${content}</vCard>`;
}

function refused(condition: string, type: string): string {
  return `<iq type='error'><error type='${type}'><${condition} xmlns='${STANZAS}'/></error></iq>`;
}

async function expectRefused(client: ScriptedClient, condition: string, type: string): Promise<void> {
  await client.expect(refused(condition, type));
}

describe("XEP-0054 section 3.1: retrieving one's vCard", () => {
  it("there is none: item-not-found", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    juliet.send(`<iq type='get' id='v1'>${GET}</iq>`);
    await expectRefused(juliet, "item-not-found", "cancel");
  });

  it("without 'to' and to the own bare JID: what was stored, all of it", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    const content = "<FN>Juliet ä &amp; &lt;</FN><N><FAMILY>Capulet</FAMILY></N><x xmlns='other'><y a='1'/></x>";
    expect((await juliet.ask("set", vcard(content))).attrs.type).toBe("result");
    for (const to of [undefined, juliet.bare]) {
      const answer = await juliet.ask("get", GET, to);
      expect(answer.getChild("vCard", "vcard-temp")?.toString()).toBe(
        '<vCard xmlns="vcard-temp"><FN>Juliet ä &amp; &lt;</FN><N><FAMILY>Capulet</FAMILY></N><x xmlns="other"><y a="1"/></x></vCard>',
      );
    }
  });
});

describe("XEP-0054 section 3.2: updating one's vCard", () => {
  it("the entire vCard is replaced; an empty one is none", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    await juliet.ask("set", vcard("<FN>Juliet</FN><URL>x</URL>"));
    await juliet.ask("set", vcard("<FN>Juliet</FN>"));
    expect((await juliet.ask("get", GET)).getChild("vCard", "vcard-temp")?.children).toHaveLength(1);
    expect((await juliet.ask("set", vcard(""))).attrs.type).toBe("result");
    juliet.send(`<iq type='get' id='v'>${GET}</iq>`);
    await expectRefused(juliet, "item-not-found", "cancel");
  });

  it("another's: forbidden, whether there is such an account or not, also for a contact", async () => {
    const server = await startServer();
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await befriend(juliet, romeo);
    await romeo.ask("set", vcard("<FN>Romeo</FN>"));
    for (const to of [romeo.bare, "nobody@example.com"]) {
      juliet.send(`<iq type='set' id='v' to='${to}'>${vcard("<FN>Fool</FN>")}</iq>`);
      await expectRefused(juliet, "forbidden", "auth");
    }
    expect((await romeo.ask("get", GET)).toString()).toContain("<FN>Romeo</FN>");
  });

  it("beyond limits.vcardBytes: policy-violation, and the one before stays", async () => {
    const server = await startServer({ limits: { vcardBytes: 100 } });
    const juliet = await server.online("juliet");
    const overhead = "<vCard xmlns='vcard-temp'><FN></FN></vCard>".length;
    expect((await juliet.ask("set", vcard(`<FN>${"a".repeat(100 - overhead)}</FN>`))).attrs.type).toBe("result");
    juliet.send(`<iq type='set' id='v'>${vcard(`<FN>${"ä".repeat(100 - overhead - 1)}</FN>`)}</iq>`);
    await expectRefused(juliet, "policy-violation", "modify");
    expect((await juliet.ask("get", GET)).toString()).toContain("aaa");
  });
});

describe("XEP-0054 section 3.3: viewing another's vCard", () => {
  it("anybody may, also while its owner is away", async () => {
    const server = await startServer();
    const [juliet, stranger] = [await server.online("juliet"), await server.online("stranger")];
    await juliet.ask("set", vcard("<FN>Juliet</FN>"));
    await juliet.close();
    stranger.send(`<iq type='get' id='v3' to='juliet@example.com'>${GET}</iq>`);
    await stranger.expect(
      `<iq type='result' id='v3' from='juliet@example.com'><vCard xmlns='vcard-temp'><FN>Juliet</FN></vCard></iq>`,
    );
  });

  it("no vCard and no account: service-unavailable, in both cases", async () => {
    const server = await startServer();
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await befriend(juliet, romeo);
    await server.admin.addUser("paris", "secret");
    for (const name of ["romeo", "paris", "nobody"]) {
      juliet.send(`<iq type='get' id='v3' to='${name}@example.com'>${GET}</iq>`);
      const answer = await juliet.expect(refused("service-unavailable", "cancel"));
      expect(answer.toString().replaceAll(name, "X")).toBe(
        `<iq type="error" from="X@example.com" to="${juliet.full}" id="v3">` +
          `<error type="cancel"><service-unavailable xmlns="${STANZAS}"/></error></iq>`,
      );
    }
  });

  it("it goes with the account: an heir of the name has none", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    await juliet.ask("set", vcard("<FN>Juliet</FN>"));
    await server.admin.deleteUser("juliet");
    const romeo = await server.online("romeo");
    romeo.send(`<iq type='get' id='v3' to='juliet@example.com'>${GET}</iq>`);
    await expectRefused(romeo, "service-unavailable", "cancel");
  });
});
