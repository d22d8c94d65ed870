// balcony import and export: files of XEP-0227 1.1 into a data folder and into a running server, and back.

import { spawn } from "node:child_process";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test, vi } from "vitest";
import { childrenOf } from "../../server/stanza.ts";
import { ScriptedClient } from "../support/client.ts";
import { scramClient } from "../support/scram-client.ts";
import { balcony, serve, temporaryFolder } from "./program.ts";

vi.setConfig({ testTimeout: 60_000 });

const MAIN = join(import.meta.dirname, "../../dist/server/main.js");
const SASL = "urn:ietf:params:xml:ns:xmpp-sasl";

/** Examples of XEP-0227 sections 4.2 to 4.10, of the domain that the tests serve. */
const JULIET = `<user name='juliet' password='R0m30'>
  <query xmlns='jabber:iq:roster'>
    <item jid='romeo@montague.net' name='Romeo' subscription='both'><group>Friends</group></item>
    <item jid='nurse@localhost' subscription='none' ask='subscribe'/>
    <item jid='tybalt@localhost' subscription='from' ask='subscribe' approved='true'/>
    <item jid='paris@localhost' subscription='to'/>
  </query>
  <offline-messages>
    <message xmlns='jabber:client' from='romeo@montague.net/orchard' to='juliet@localhost/balcony' type='chat'>
      <body>Neither, fair saint, if either thee dislike.</body>
      <delay xmlns='urn:xmpp:delay' from='localhost' stamp='1469-07-21T00:32:29Z'>Offline Storage</delay>
    </message>
  </offline-messages>
  <query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs'><defaultnick>Hamlet</defaultnick></exodus></query>
  <vCard xmlns='vcard-temp'><FN>Juliet Capulet</FN></vCard>
  <presence xmlns='jabber:client' type='subscribe' id='xk3h1v69' from='benvolio@montague.net'>
    <nick xmlns="http://jabber.org/protocol/nick">Ben</nick>
  </presence>
  <presence xmlns='jabber:client' type='subscribe' from='paris@localhost'/>
</user>`;

/** Section 4.11's example. */
const NODES = `<user name='romeo' password='Jul13t'>
  <pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>
    <configure node='urn:xmpp:bookmarks:1'><x xmlns='jabber:x:data' type='form'>
      <field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#node_config</value></field>
      <field var='pubsub#access_model'><value>whitelist</value></field>
    </x></configure>
    <affiliations node='urn:xmpp:bookmarks:1'><affiliation jid='mercutio@example.net' affiliation='member'/></affiliations>
    <configure node='http://jabber.org/protocol/nick'><x xmlns='jabber:x:data' type='form'>
      <field var='pubsub#access_model'><value>open</value></field>
    </x></configure>
  </pubsub>
  <pubsub xmlns='http://jabber.org/protocol/pubsub'>
    <items node='urn:xmpp:bookmarks:1'>
      <item id='theplay@conference.shakespeare.lit'>
        <conference xmlns='urn:xmpp:bookmarks:1' name='The Play&apos;s the Thing' autojoin='true'><nick>Romeo</nick></conference>
      </item>
      <item id='orchard@conference.shakespeare.lit'>
        <conference xmlns='urn:xmpp:bookmarks:1' name='The Orchard' autojoin='1'><nick>Romeo</nick></conference>
      </item>
    </items>
    <items node='http://jabber.org/protocol/nick'>
      <item id='current'><nick xmlns='http://jabber.org/protocol/nick'>Romy</nick></item>
    </items>
  </pubsub>
</user>`;

function file(...users: string[]): string {
  return `<?xml version='1.0' encoding='UTF-8'?>
<server-data xmlns='urn:xmpp:pie:0'><host jid='localhost'>
${users.join("\n")}
</host></server-data>\n`;
}

function keys(hash: "sha1" | "sha256", password: string): string {
  const salt = Buffer.from("a salt of another server");
  const salted = pbkdf2Sync(password, salt, 4096, hash === "sha1" ? 20 : 32, hash);
  const hmac = (text: string): Buffer => createHmac(hash, salted).update(text).digest();
  const stored = createHash(hash).update(hmac("Client Key")).digest("base64");
  return `<scram-credentials xmlns='urn:xmpp:pie:0#scram' mechanism='SCRAM-SHA-${hash === "sha1" ? "1" : "256"}'>
    <server-key>${hmac("Server Key").toString("base64")}</server-key><stored-key>${stored}</stored-key>
    <iter-count>4096</iter-count><salt>${salt.toString("base64")}</salt></scram-credentials>`;
}

async function folderWith(text: string, name = "users.xml"): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, name), text);
  return folder;
}

/** Logs in with SCRAM; the mechanisms that were offered, and what came in the end. */
async function scram(port: number, user: string, password: string, hash: "sha1" | "sha256") {
  const client = await ScriptedClient.connect(port, "localhost");
  await client.open();
  const features = await client.startTls();
  const [mechanisms] = childrenOf(features, "mechanisms", SASL);
  const offered = mechanisms === undefined ? [] : childrenOf(mechanisms, "mechanism", SASL).map((el) => el.getText());
  const exchange = scramClient({ hash, username: user, password, ...(offered.some(isPlus) && { gs2: "n,," }) });
  const mechanism = hash === "sha1" ? "SCRAM-SHA-1" : "SCRAM-SHA-256";
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  client.write(`<auth xmlns='${SASL}' mechanism='${mechanism}'>${base64(exchange.first)}</auth>`);
  const challenge = await client.next();
  if (challenge.name === "challenge") {
    const { message } = exchange.final(Buffer.from(challenge.getText(), "base64").toString());
    client.write(`<response xmlns='${SASL}'>${base64(message)}</response>`);
  }
  const outcome = challenge.name === "challenge" ? (await client.next()).name : challenge.name;
  if (outcome === "success") await client.open();
  await client.close();
  return { offered: offered.filter((name) => !isPlus(name)), outcome };
}

function isPlus(name: string): boolean {
  return name.endsWith("-PLUS");
}

function login(port: number, user: string, password: string): Promise<ScriptedClient> {
  return ScriptedClient.login({ port, domain: "localhost", user, password });
}

function rowsOf(folder: string, sql: string): unknown[] {
  const db = new Database(join(folder, "data/balcony.sqlite"), { readonly: true });
  try {
    return db.prepare(sql).all();
  } finally {
    db.close();
  }
}

describe.each(["while no server runs", "while the server runs"])("%s", (when) => {
  test("XEP-0227 section 4: what the file has of a user is there when the user logs in", async () => {
    const folder = await folderWith(file(JULIET, NODES));
    const before = when === "while the server runs" ? await serve({ folder }) : undefined;
    expect(await balcony({ folder }, "import", "users.xml")).toEqual({
      code: 0,
      stdout: "2 accounts created.\n",
      stderr: "",
    });
    const server = before ?? (await serve({ folder }));
    const port = server.port(/port/);
    const all = ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"];
    for (const hash of ["sha1", "sha256"] as const)
      expect(await scram(port, "juliet", "R0m30", hash)).toEqual({ offered: all, outcome: "success" });
    expect((await scram(port, "juliet", "wrong", "sha1")).outcome).toBe("failure");

    const juliet = await login(port, "juliet", "R0m30");
    const roster = await juliet.ask("get", "<query xmlns='jabber:iq:roster'/>");
    const items = roster.getChild("query")?.getChildElements() ?? [];
    const told = items.map((item) => ({ ...item.attrs, groups: item.getChildElements().map((el) => el.getText()) }));
    expect(
      told.sort((a, b) => ((a as { jid?: string }).jid ?? "").localeCompare((b as { jid?: string }).jid ?? "")),
    ).toEqual([
      { jid: "nurse@localhost", subscription: "none", ask: "subscribe", groups: [] },
      { jid: "paris@localhost", subscription: "to", groups: [] },
      { jid: "romeo@montague.net", subscription: "both", name: "Romeo", groups: ["Friends"] },
      { jid: "tybalt@localhost", subscription: "from", ask: "subscribe", approved: "true", groups: [] },
    ]);
    const exodus = await juliet.ask("get", "<query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs'/></query>");
    expect(exodus.toString()).toContain("<defaultnick>Hamlet</defaultnick>");
    expect((await juliet.ask("get", "<vCard xmlns='vcard-temp'/>")).toString()).toContain("<FN>Juliet Capulet</FN>");
    juliet.send("<presence/>");
    const waiting = (await juliet.untilNow()).filter(({ attrs }) => attrs.from !== juliet.full);
    const texts = waiting.map((stanza) => stanza.toString());
    expect(texts).toHaveLength(3);
    expect(texts).toContainEqual(
      expect.stringMatching(/<message .*Neither, fair saint.*stamp=["']1469-07-21T00:32:29Z/s),
    );
    const asked = texts.filter((text) => /^<presence type=["']subscribe["']/.test(text)).sort();
    expect(asked).toEqual([
      expect.stringContaining("paris@localhost"),
      expect.stringMatching(/benvolio@montague.net.*>Ben</s),
    ]);
    await juliet.close();

    const romeo = await login(port, "romeo", "Jul13t");
    const bookmarks = await romeo.ask(
      "get",
      "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'/></pubsub>",
    );
    expect(bookmarks.toString()).toMatch(/theplay@.*Play.*orchard@.*The Orchard/s);
    await romeo.close();
    server.signal("SIGTERM");
    await server.ended;
    const nodes = rowsOf(folder, "SELECT name, config, affiliations FROM pubsub_node ORDER BY name") as {
      config: string;
    }[];
    expect(nodes.map(({ config }) => JSON.parse(config).accessModel)).toEqual(["open", "whitelist"]);
    expect(nodes[1]).toMatchObject({ affiliations: '[{"jid":"mercutio@example.net","affiliation":"member"}]' });
  });

  test("section 4.3: keys of one hash serve SCRAM with it and PLAIN, and nobody is offered the other until PLAIN makes it", async () => {
    const folder = await folderWith(
      file(`<user name='mercutio'>${keys("sha1", "mab")}</user>`, "<user name='r' password='p'/>"),
    );
    const before = when === "while the server runs" ? await serve({ folder }) : undefined;
    expect(await balcony({ folder }, "import", "users.xml")).toMatchObject({ code: 0, stderr: "" });
    const port = (before ?? (await serve({ folder }))).port(/port/);
    const withSha1 = { offered: ["SCRAM-SHA-1", "PLAIN"], outcome: "success" };
    expect(await scram(port, "mercutio", "mab", "sha1")).toEqual(withSha1);
    expect(await scram(port, "r", "p", "sha1")).toEqual(withSha1);
    expect((await scram(port, "mercutio", "maB", "sha1")).outcome).toBe("failure");
    await expect(login(port, "mercutio", "maB")).rejects.toThrow(/failure/);
    await (await login(port, "mercutio", "mab")).close();
    for (const hash of ["sha1", "sha256"] as const) {
      const all = { offered: ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"], outcome: "success" };
      expect(await scram(port, "mercutio", "mab", hash)).toEqual(all);
    }
  });

  test("accounts that exist stay as they are, are skipped, or replaced part by part", async () => {
    const folder = await folderWith(file("<user name='juliet' password='old'/>", JULIET.replace("juliet'", "nurse'")));
    const server = when === "while the server runs" ? await serve({ folder }) : undefined;
    expect((await balcony({ folder }, "import", "users.xml")).code).toBe(0);
    await writeFile(
      join(folder, "more.xml"),
      file(
        `<user name='juliet' password='new'>
      <query xmlns='jabber:iq:roster'><item jid='romeo@montague.net' subscription='both'/></query></user>`,
        "<user name='nurse'><query xmlns='jabber:iq:roster'><item jid='peter@localhost'/></query></user>",
      ),
    );

    const refused = await balcony({ folder }, "import", "more.xml");
    expect(refused).toMatchObject({
      code: 1,
      stdout: "0 accounts created.\n2 accounts exist already and stay unchanged.\n",
    });
    expect(refused.stderr).toContain("balcony: 2 accounts not imported, for they exist; --skip-existing ");
    expect(await balcony({ folder }, "import", "--skip-existing", "more.xml")).toMatchObject({
      code: 0,
      stdout: refused.stdout,
    });
    expect((await balcony({ folder }, "import", "--dry-run", "--replace", "more.xml")).stdout).toBe(
      "0 accounts would be created.\n2 accounts would be replaced.\n",
    );
    const online = server && (await login(server.port(/port/), "juliet", "old"));
    await online?.ask("get", "<query xmlns='jabber:iq:roster'/>");
    expect(rowsOf(folder, "SELECT 1 FROM roster_item WHERE owner = 'juliet@localhost'")).toEqual([]);

    expect((await balcony({ folder }, "import", "--replace", "more.xml")).stdout).toContain("2 accounts replaced.\n");
    await online?.expectStreamError("reset");
    const port = (server ?? (await serve({ folder }))).port(/port/);
    await expect(login(port, "juliet", "old")).rejects.toThrow(/failure/);
    const juliet = await login(port, "juliet", "new");
    const roster = await juliet.ask("get", "<query xmlns='jabber:iq:roster' ver='0'/>");
    expect(
      roster
        .getChild("query")
        ?.getChildElements()
        .map(({ attrs }) => attrs.jid),
    ).toEqual(["romeo@montague.net"]);
    const nurse = await login(port, "nurse", "R0m30");
    expect((await nurse.ask("get", "<query xmlns='jabber:iq:roster'/>")).toString()).toMatch(
      /peter@localhost(?!.*romeo)/s,
    );
    expect((await nurse.ask("get", "<vCard xmlns='vcard-temp'/>")).toString()).toContain("Juliet Capulet");
    await Promise.all([juliet.close(), nurse.close()]);
    expect((await balcony({ folder }, "import", "--replace", "--skip-existing", "more.xml")).code).toBe(64);
  });

  test("a file that is broken half-way: what stands before is there, and the next run goes on", async () => {
    const users = Array.from({ length: 700 }, (_, i) => `<user name='u${i}'>${keys("sha1", "x")}</user>`);
    const whole = file(...users);
    const folder = await folderWith(whole.replace("<user name='u600'>", "<user name='u600' >&nbsp;"));
    if (when === "while the server runs") await serve({ folder });
    const line = whole.slice(0, whole.indexOf("'u600'")).split("\n").length;
    const broken = await balcony({ folder }, "import", "users.xml");
    expect(broken).toMatchObject({ code: 1, stdout: "600 accounts created.\n" });
    expect(broken.stderr).toContain(`balcony: users.xml, line ${line}: not well-formed XML: undefined entity`);
    expect(broken.stderr).toContain("go on with --skip-existing");
    await writeFile(join(folder, "users.xml"), whole);
    expect(await balcony({ folder }, "import", "--json", "--skip-existing", "users.xml")).toMatchObject({
      code: 0,
      stdout: `${JSON.stringify({ created: 100, replaced: 0, kept: 600, refused: 0, notTaken: {} })}\n`,
    });
  });

  test("export, into an empty folder: the same is there", async () => {
    const folder = await folderWith(file(JULIET, NODES, `<user name='tybalt'>${keys("sha256", "cats")}</user>`));
    if (when === "while the server runs") await serve({ folder });
    expect((await balcony({ folder }, "import", "users.xml")).code).toBe(0);
    expect(await balcony({ folder }, "export", "out.xml")).toEqual({
      code: 0,
      stdout: "3 accounts written to out.xml.\n",
      stderr: "",
    });
    expect((await stat(join(folder, "out.xml"))).mode & 0o777).toBe(0o600);
    expect(await balcony({ folder }, "export", "out.xml")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("--force"),
    });
    const other = await folderWith(await readFile(join(folder, "out.xml"), "utf8"));
    expect(await balcony({ folder: other }, "import", "users.xml")).toEqual({
      code: 0,
      stdout: "3 accounts created.\n",
      stderr: "",
    });
    for (const sql of [
      "SELECT localpart, bcrypt_only FROM account ORDER BY localpart",
      "SELECT localpart, position, kind, salt, iterations FROM credential ORDER BY localpart, position",
      "SELECT * FROM roster_item ORDER BY owner, contact",
      "SELECT owner, at, xml FROM offline_message JOIN offline_box ON number = box ORDER BY id",
      "SELECT owner, xml FROM vcard",
      "SELECT owner, ns, name, bytes, xml FROM private_xml",
      "SELECT owner, name, items, config, affiliations, subscriptions FROM pubsub_node ORDER BY owner, name",
      "SELECT name, id, publisher, bytes, xml FROM pubsub_item JOIN pubsub_node ON node = number ORDER BY name, key",
    ]) {
      const rows = rowsOf(folder, sql);
      expect(rows.length, sql).toBeGreaterThan(0);
      expect(rowsOf(other, sql), sql).toEqual(rows);
    }
    expect((await balcony({ folder: other }, "export", "again.xml")).code).toBe(0);
    const again = await readFile(join(other, "again.xml"), "utf8");
    expect(again).toBe(await readFile(join(folder, "out.xml"), "utf8"));
    const one = await balcony({ folder: other }, "export", "--user", "tybalt", "--", "-");
    expect(one.stdout).toMatch(/<user name='tybalt'>/);
    expect(one.stdout).not.toContain("juliet");
    expect((await scram((await serve({ folder: other })).port(/port/), "tybalt", "cats", "sha256")).outcome).toBe(
      "success",
    );
  });
});

test("killed in the middle: whole accounts only, and the next run makes the others", async () => {
  const users = Array.from({ length: 3_000 }, (_, i) => {
    const items = Array.from({ length: 20 }, (_, n) => `<item jid='c${n}@localhost' subscription='both'/>`).join("");
    return `<user name='u${i}'>${keys1}<query xmlns='jabber:iq:roster'>${items}</query></user>`;
  });
  const folder = await folderWith(file(...users));
  const env = { ...process.env, BALCONY_LOG_LEVEL: "silent" };
  const child = spawn(process.execPath, [MAIN, "import", "-"], {
    cwd: folder,
    env,
    stdio: ["pipe", "ignore", "ignore"],
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.stdin.on("error", () => {}); // it does not read to the end
  // It waits for the end of the file, which does not come: whatever is complete by then is written, or being written.
  const text = file(...users);
  child.stdin.write(text.slice(0, text.length / 2));
  const database = join(folder, "data/balcony.sqlite");
  await vi.waitFor(
    () => {
      const db = new Database(database, { readonly: true, fileMustExist: true });
      try {
        expect(db.prepare("SELECT count(*) FROM account").pluck().get()).toBeGreaterThan(0);
      } finally {
        db.close();
      }
    },
    { timeout: 30_000, interval: 5 },
  );
  child.kill("SIGKILL");
  await ended;
  const [made] = rowsOf(folder, "SELECT count(*) AS n FROM account") as [{ n: number }];
  expect(made.n).toBeLessThan(3_000);
  const halves =
    "SELECT localpart FROM account WHERE (SELECT count(*) FROM roster_item WHERE owner = localpart || '@localhost') <> 20";
  expect(rowsOf(folder, halves)).toEqual([]);
  const rest = 3_000 - made.n;
  expect(await balcony({ folder }, "import", "--skip-existing", "users.xml")).toMatchObject({
    code: 0,
    stdout: `${rest} accounts created.\n${made.n} accounts exist already and stay unchanged.\n`,
  });
  expect(rowsOf(folder, halves)).toEqual([]);
});

const keys1 = keys("sha1", "x");

test("what is beyond the limits of an account is counted, by the setting", async () => {
  const items = Array.from(
    { length: 5 },
    (_, i) => `<item jid='c${i}@localhost' name='${"n".repeat(30)}'><group>a</group><group>b</group></item>`,
  );
  const asks = Array.from(
    { length: 4 },
    (_, i) => `<presence xmlns='jabber:client' type='subscribe' from='s${i}@localhost'/>`,
  );
  const messages = Array.from(
    { length: 3 },
    (_, i) => `<message xmlns='jabber:client' from='a@b'><body>${i}</body></message>`,
  );
  const folder = await folderWith(
    file(
      `<user name='juliet' password='x'><query xmlns='jabber:iq:roster'>${items.join("")}</query>
    ${asks.join("")}<offline-messages>${messages.join("")}</offline-messages>
    <vCard xmlns='vcard-temp'><NOTE>${"v".repeat(20_000)}</NOTE></vCard>
    <archive xmlns='urn:xmpp:pie:0#mam'><result xmlns='urn:xmpp:mam:2' id='1'/><result xmlns='urn:xmpp:mam:2' id='2'/></archive>
    <query xmlns='jabber:iq:privacy'><list name='public'/></query><x xmlns='urn:example'/></user>`,
      "<user name='no name' password='x'/>",
    ),
  );
  const limits = {
    rosterItems: 3,
    pendingRequests: 2,
    offlineMessages: 2,
    nameCharacters: 10,
    groupsPerItem: 1,
    vcardBytes: 10_000,
  };
  await writeFile(join(folder, "config.json"), JSON.stringify({ limits }));
  const dry = await balcony({ folder }, "import", "--dry-run", "users.xml");
  const done = await balcony({ folder }, "import", "users.xml");
  expect(dry.stderr).toBe(done.stderr);
  expect(done.stdout).toBe("1 account created.\n");
  expect(done.stderr.split("\n").slice(1, -2).sort()).toEqual([
    "not taken: 1 elements that are not known here: <x> in urn:example",
    "not taken: 1 offline messages beyond limits.offlineMessages",
    "not taken: 1 sets of privacy lists (XEP-0016)",
    "not taken: 1 vCards larger than limits.vcardBytes",
    "not taken: 2 archived messages (XEP-0313)",
    "not taken: 2 contacts beyond limits.rosterItems",
    "not taken: 2 subscription requests beyond limits.pendingRequests",
    "not taken: 3 ends of names beyond limits.nameCharacters",
    "not taken: 3 groups beyond limits.groupsPerItem",
  ]);
  expect(done.stderr).toMatch(/^line 8, user "no name": localpart: U\+0020 is not allowed here\n/);
  expect(done.stderr).toMatch(/balcony: 1 account refused; correct them and run this again with --skip-existing\n$/);
  expect(rowsOf(folder, "SELECT count(*) AS n FROM roster_item WHERE in_roster")).toEqual([{ n: 3 }]);
  expect(rowsOf(folder, "SELECT count(*) AS n FROM offline_message")).toEqual([{ n: 2 }]);
});

test("XEP-0160: after an import, and after the end of an account, there is room again for messages to one who is away", async () => {
  const folder = await folderWith(file("<user name='juliet' password='x'/>", "<user name='romeo' password='x'/>"));
  await writeFile(join(folder, "config.json"), JSON.stringify({ limits: { offlineMessages: 1 } }));
  const server = await serve({ folder });
  const run = async (...args: string[]): Promise<void> => {
    expect(await balcony({ folder, input: "x\n" }, ...args)).toMatchObject({ code: 0 });
  };
  await run("import", "users.xml");
  const romeo = await login(server.port(/port/), "romeo", "x");
  const refusals = async (): Promise<unknown[]> => {
    romeo.send("<message to='juliet@localhost' type='chat'><body>hi</body></message>");
    return (await romeo.untilNow()).map(({ attrs }) => attrs.type);
  };
  expect([await refusals(), await refusals()]).toEqual([[], ["error"]]);
  const empty = "<user name='juliet' password='x'><offline-messages/></user>";
  await writeFile(join(folder, "empty.xml"), file(empty));
  await run("import", "--replace", "empty.xml");
  expect([await refusals(), await refusals()]).toEqual([[], ["error"]]);
  await run("user", "delete", "juliet");
  await run("user", "add", "juliet");
  expect([await refusals(), await refusals()]).toEqual([[], ["error"]]);
  await romeo.close();
});

test("a file as Prosody writes it: a document for each user, credentials of SHA-1, its own attributes", async () => {
  const users = ["juliet", "romeo"].map(
    (name) => `<server-data xmlns='urn:xmpp:pie:0'><host jid='localhost'><user name='${name}'
      xmlns:p='http://prosody.im/protocol/extended-xep0227' p:created='1600000000'>${keys("sha1", name)}
      <query version='3' xmlns='jabber:iq:roster'><item jid='nurse@localhost' subscription='both'><group>Servants</group></item></query>
      <presence type='subscribe' from='tybalt@localhost'/></user></host></server-data>`,
  );
  const folder = await folderWith(users[0] as string, "juliet@localhost.xml");
  await writeFile(join(folder, "romeo@localhost.xml"), users[1] as string);
  for (const name of ["juliet", "romeo"])
    expect(await balcony({ folder }, "import", `${name}@localhost.xml`)).toMatchObject({ code: 0, stderr: "" });
  const rows = rowsOf(
    folder,
    "SELECT contact, state FROM roster_item WHERE owner = 'romeo@localhost' ORDER BY contact",
  );
  expect(rows).toEqual([
    { contact: "nurse@localhost", state: "both" },
    { contact: "tybalt@localhost", state: "none+in" },
  ]);
  expect((await scram((await serve({ folder })).port(/port/), "romeo", "romeo", "sha1")).outcome).toBe("success");
});

test("files as ejabberd writes them, section 5: a main one that includes one for each host", async () => {
  const old = "http://www.xmpp.org/extensions/xep-0227.html#ns";
  const folder = await folderWith(
    `<?xml version='1.0' encoding='UTF-8'?><server-data xmlns='${old}' xmlns:xi='http://www.w3.org/2001/XInclude'>` +
      "<xi:include href='20261120_localhost.xml'/><xi:include href='20261120_other.xml'/></server-data>",
  );
  const host = (jid: string, user: string): string =>
    `<?xml version='1.0' encoding='UTF-8'?><host xmlns='${old}' xmlns:xi='http://www.w3.org/2001/XInclude' jid='${jid}'>${user}</host>`;
  await writeFile(
    join(folder, "20261120_localhost.xml"),
    host(
      "localhost",
      `<user name='juliet' password='R0m30'><offline-messages><message from='a@b/c' to='juliet@localhost' type='chat'>
        <body>hi</body></message></offline-messages><query xmlns='jabber:iq:roster'>
        <item jid='romeo@localhost' subscription='none' ask='subscribe'/></query>
        <presence xmlns='jabber:client' from='romeo@localhost' to='juliet@localhost' type='subscribe'><status/></presence></user>
      <user name='romeo' password='scram:${oldKeys("Jul13t")}'/>`,
    ),
  );
  await writeFile(join(folder, "20261120_other.xml"), host("other.example", "<user name='x'/>"));
  expect(await balcony({ folder }, "import", "users.xml")).toEqual({
    code: 0,
    stdout: "2 accounts created.\n",
    stderr: "not taken: 1 accounts of other.example, which is not this server's domain\n",
  });
  expect(rowsOf(folder, "SELECT state FROM roster_item")).toEqual([{ state: "none+out+in" }]);
  expect(rowsOf(folder, "SELECT xml FROM offline_message")).toEqual([
    { xml: expect.stringMatching(/^<message from='a@b\/c' to='juliet@localhost' type='chat'>\s*<body>hi<\/body>/) },
  ]);
  const port = (await serve({ folder })).port(/port/);
  expect((await scram(port, "romeo", "Jul13t", "sha1")).outcome).toBe("success");
  await (await login(port, "juliet", "R0m30")).close();
});

function oldKeys(password: string): string {
  const text = keys("sha1", password);
  const part = (name: string): string => new RegExp(`<${name}>([^<]*)<`).exec(text)?.[1] ?? "";
  return `${part("stored-key")},${part("server-key")},${part("salt")},4096`;
}

test.each([
  ["no file", undefined, /users\.xml: there is no such file/],
  ["another document", "<html/>", /line 1: this is no XEP-0227 file: it begins with <html>/],
  ["a declaration", `<!DOCTYPE x [<!ENTITY a "b">]>${file()}`, /document type declaration is not allowed/],
  ["other octets", Buffer.concat([Buffer.from(file().slice(0, 80)), Buffer.of(0xff, 0xfe)]), /not UTF-8/],
  ["another encoding", file().replace("UTF-8", "ISO-8859-1"), /the encoding is ISO-8859-1/],
  ["no end", file("<user name='a'/>").slice(0, -20), /line \d+: not well-formed XML: unclosed tag/],
  ["an include out of the folder", include("../secret.xml"), /line 1: \.\.\/secret\.xml is outside of the folder/],
  ["an include with a whole path", include("/etc/passwd"), /\/etc\/passwd is no relative path/],
  ["an include of an address", include("http://localhost/x"), /http:\/\/localhost\/x is no relative path/],
  ["an include of nothing", include("gone.xml"), /gone\.xml cannot be read \(ENOENT\)/],
  ["an include of itself", include("users.xml"), /no document that can be included here: it begins with <server-data>/],
  [
    "no account of the domain",
    file("<user name='a'/>").replace("localhost", "a.example"),
    /no account of this server's domain/,
  ],
])("%s: exit code 1, and what is wrong", async (_, content, message) => {
  const folder = join(await temporaryFolder(), "inner");
  await mkdir(folder);
  await writeFile(join(folder, "../secret.xml"), "<host xmlns='urn:xmpp:pie:0' jid='localhost'/>");
  if (content !== undefined) await writeFile(join(folder, "users.xml"), content);
  const ended = await balcony({ folder }, "import", "users.xml");
  expect(ended.code).toBe(1);
  expect(ended.stderr).toMatch(message);
});

function include(href: string): string {
  return `<server-data xmlns='urn:xmpp:pie:0' xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='${href}'/></server-data>`;
}
