// Converse.js in Chromium against Balcony: it finds the WebSocket by host-meta, logs in, shows a contact's presence, chats,
// and shares a file. At the other end is a scripted client over TCP.
//   tsx test/interop/converse/converse.ts FOLDER_OF_CONVERSE_DIST [PICTURE.png]

import { createReadStream, existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer as createHttpServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { createServer } from "../../../server/index.ts";
import { ScriptedClient } from "../../support/client.ts";
import { httpsGet } from "../../support/https.ts";
import { Chromium } from "./chromium.ts";

const DOMAIN = "balcony.test";
const TYPES: Record<string, string> = {
  ".js": "text/javascript",
  ".css": "text/css",
  ".html": "text/html",
  ".json": "application/json",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
};
const PAGE = `<!doctype html><meta charset=utf-8><title>Balcony</title><link rel=stylesheet href=/dist/converse.min.css>
<body class=converse-fullscreen><script type=module src=/dist/converse.min.js></script>`;

const [dist = "", picture] = process.argv.slice(2);
const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";
if (!existsSync(join(dist, "converse.min.js"))) throw new Error(`${dist} is no dist folder of converse.js`);

const pages = await servePages(dist);
const server = await createServer({
  domain: DOMAIN,
  storage: { path: ":memory:" },
  c2s: { addresses: ["127.0.0.1"], port: 0, directTlsPort: null },
  http: { addresses: ["127.0.0.1"], port: 0, tls: true, publicUrl: `https://${DOMAIN}`, origins: [originOf(pages)] },
});
await server.admin.addUser("juliet", "pw-juliet");
await server.admin.addUser("romeo", "pw-romeo");
await server.start();
// What the pages know as port 443 of the domain is the server's HTTP port.
const browser = await Chromium.start(chromium, [
  `--host-resolver-rules=MAP ${DOMAIN}:443 127.0.0.1:${server.addresses.http}`,
  "--ignore-certificate-errors",
  "--window-size=1200,800",
]);
try {
  const romeo = await befriended();
  await loggedIn();
  await showsPresence(romeo);
  await chats(romeo);
  await sharesFile(romeo);
  if (picture !== undefined) await writeFile(picture, await browser.picture());
  await browser.evaluate("rig.api.user.logout()");
  await romeo.until(`<presence type='unavailable' from='{any}'/>`);
  step("logged out");
  await romeo.close();
} catch (error) {
  console.error(error, browser.console.slice(-20).join("\n"));
  if (picture !== undefined) await writeFile(picture, await browser.picture());
  process.exitCode = 1;
} finally {
  await browser.stop();
  await server.stop();
  pages.close();
}

function step(what: string): void {
  console.log(`ok: ${what}`);
}

/** Romeo, whom Juliet has in her roster, both ways. */
async function befriended(): Promise<ScriptedClient> {
  const { c2s: port } = server.addresses;
  const login = (user: string) => ScriptedClient.login({ port, domain: DOMAIN, user, password: `pw-${user}` });
  const [romeo, juliet] = [await login("romeo"), await login("juliet")];
  for (const client of [romeo, juliet]) {
    await client.ask("get", "<query xmlns='jabber:iq:roster'/>");
    client.send("<presence/>");
    await client.sync();
  }
  await juliet.ask("set", `<query xmlns='jabber:iq:roster'><item jid='romeo@${DOMAIN}' name='Romeo'/></query>`);
  for (const [from, to] of [
    [juliet, romeo],
    [romeo, juliet],
  ] as const) {
    from.send(`<presence to='${to.bare}' type='subscribe'/>`);
    await to.until(`<presence type='subscribe' from='${from.bare}'/>`);
    to.send(`<presence to='${from.bare}' type='subscribed'/>`);
    await from.until(`<presence type='subscribed' from='${to.bare}'/>`);
  }
  await juliet.close();
  await romeo.sync();
  return romeo;
}

async function loggedIn(): Promise<void> {
  await browser.open(`${originOf(pages)}/`);
  await browser.until("Converse is loaded", "window.converse");
  await browser.evaluate(`converse.plugins.add("rig", { initialize() { window.rig = this._converse; } });
    converse.initialize({
      jid: "juliet@${DOMAIN}", password: "pw-juliet", auto_login: true, auto_reconnect: false,
      discover_connection_methods: true, view_mode: "fullscreen", assets_path: "/dist/", theme: "classic", i18n: "en",
      whitelisted_plugins: ["rig"], play_sounds: false, show_desktop_notifications: false, loglevel: "warn",
    }); 0`);
  await browser.until("the login", "window.rig?.api.connection.connected()");
  const url = await browser.evaluate<string>("rig.api.connection.get().service");
  if (url !== `wss://${DOMAIN}/xmpp-websocket`) throw new Error(`connected to ${url}`);
  step("logged in over the WebSocket that host-meta names");
}

async function showsPresence(romeo: ScriptedClient): Promise<void> {
  const entry = `document.querySelector("converse-roster-contact, .roster-contact, .controlbox-pane .list-item.d-flex")`;
  romeo.send("<presence><show>away</show><status>Wherefore?</status></presence>");
  await browser.until(
    "the contact's presence in the model",
    `rig.state.roster.get("romeo@${DOMAIN}")?.getStatus?.() === "away" || rig.state.roster.get("romeo@${DOMAIN}")?.presence.get("show") === "away"`,
  );
  await browser.until("the contact in the list", `document.body.innerText.includes("Romeo") && ${entry}`);
  await browser.until("its state in the list", `document.querySelector("[class*=away]")`);
  step("shows a contact, and that it is away");
}

async function chats(romeo: ScriptedClient): Promise<void> {
  romeo.send(`<message to='juliet@${DOMAIN}' type='chat' id='m1'><body>But soft, what light?</body></message>`);
  await browser.evaluate(`rig.api.chats.open("romeo@${DOMAIN}", {}, true).then(() => 0)`);
  await browser.until(
    "Romeo's message",
    `[...document.querySelectorAll(".chat-msg__text")].some((el) => el.textContent.includes("what light"))`,
  );
  step("shows a message");
  await browser.until("the field to write in", `document.querySelector("textarea.chat-textarea")`);
  await browser.evaluate(`document.querySelector("textarea.chat-textarea").focus(), 0`);
  await browser.type("Good night, good night!");
  await romeo.until("<message type='chat'><body>Good night, good night!</body></message>");
  step("sends what is typed");
}

async function sharesFile(romeo: ScriptedClient): Promise<void> {
  await browser.evaluate(
    `rig.api.chats.get("romeo@${DOMAIN}").then((chat) => chat.sendFiles([new File(["Parting is such sweet sorrow"], "sorrow très.txt", { type: "text/plain" })])).then(() => 0)`,
  );
  const message = await romeo.until("<message type='chat'><x xmlns='jabber:x:oob'/></message>");
  const url = message.getChild("x", "jabber:x:oob")?.getChildText("url") ?? "";
  if (!url.startsWith(`https://${DOMAIN}/upload/`)) throw new Error(`the file is said to be at ${url}`);
  const { body } = await httpsGet(url.replace(DOMAIN, `127.0.0.1:${server.addresses.http}`));
  if (body !== "Parting is such sweet sorrow") throw new Error(`the file says ${body}`);
  step("shares a file");
}

async function servePages(folder: string): Promise<Server> {
  const http = createHttpServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    if (path === "/") {
      response.setHeader("content-type", "text/html").end(PAGE);
      return;
    }
    const file = join(folder, normalize(path.replace(/^\/dist/, "")));
    if (!file.startsWith(folder) || !existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream");
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return http;
}

function originOf(http: Server): string {
  return `http://localhost:${(http.address() as AddressInfo).port}`;
}
