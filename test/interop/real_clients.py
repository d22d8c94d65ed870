"""Real clients side by side against the built server, driven with a rig outside this repository (see client-rig): the server,
one account in Gajim, and others in profanity or Dino. What omemo and pictures have in common."""
import asyncio
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import types

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
RIG = os.path.abspath(sys.argv[1])
sys.path.insert(0, RIG)
from importlib.machinery import SourceFileLoader  # noqa: E402
from importlib.util import module_from_spec, spec_from_loader  # noqa: E402

import clients.gajim as rig_gajim  # noqa: E402
import clients.jsonclient as J  # noqa: E402
from lib import xvfb  # noqa: E402
from lib.events import Events  # noqa: E402
from lib.jail import Jail  # noqa: E402
from lib.peer import Bot  # noqa: E402
from lib.tui import Tui  # noqa: E402

loader = SourceFileLoader("rig_run", os.path.join(RIG, "run"))
rig = module_from_spec(spec_from_loader("rig_run", loader))
loader.exec_module(rig)

DOMAIN = "xmpp.test"
PATIENCE_S = 60  # for one thing to happen on a loaded machine


def certificates(work):
    script = f"""
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout ca.key -out ca.pem -subj "/CN=test CA" \
      -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
    openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj "/CN={DOMAIN}"
    printf 'basicConstraints=CA:FALSE\\nextendedKeyUsage=serverAuth\\nsubjectAltName=DNS:{DOMAIN},DNS:*.{DOMAIN}\\n' >extensions
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile extensions -out leaf.pem
    cat leaf.pem ca.pem >server.pem"""
    subprocess.run(["bash", "-ec", script], cwd=work, check=True, stderr=subprocess.DEVNULL)


class Server:
    """The built server, as its command line starts it."""

    def __init__(self, work):
        self.work = work
        self.data = os.path.join(work, "data")
        self.main = os.path.join(ROOT, "dist/server/main.js")
        certificates(work)
        settings = {
            "domain": DOMAIN,
            "storage": {"path": "./data"},
            "c2s": {"addresses": ["127.0.0.1"], "port": 0, "directTlsPort": 0},
            "http": {"addresses": ["127.0.0.1"], "port": 0},
            "tls": {"certificateFile": "./server.pem", "keyFile": "./server.key"},
            "gateway": {"domains": {"example.net": {}}},
        }
        with open(os.path.join(work, "config.json"), "w") as f:
            json.dump(settings, f)

    def run(self, *command, text=""):
        command = ["node", self.main, *command, "--config", os.path.join(self.work, "config.json")]
        done = subprocess.run(command, input=text, text=True, capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout

    def start(self):
        command = ["node", self.main, "serve", "--config", os.path.join(self.work, "config.json")]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            found = re.search(r'"c2s":(\d+),"directTls":(\d+),"http":(\d+)', line)
            if found:
                self.port, self.tls_port, self.http_port = map(int, found.groups())
                break
        else:
            raise RuntimeError("the server did not start")
        # What it writes later must go somewhere.
        asyncio.get_running_loop().run_in_executor(None, self.process.stderr.read)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    async def bot(self, user):
        bot = Bot(f"{user}@{DOMAIN}/bot", f"pw-{user}", os.path.join(self.work, "ca.pem"))
        await bot.login("127.0.0.1", self.port)
        return bot

    async def befriend(self, a, b):
        """Two accounts see one another's presence: they asked and approved in an earlier session."""
        bots = [await self.bot(a), await self.bot(b)]
        for bot in bots:
            bot.send_presence()
        for this, that in (bots, bots[::-1]):
            this.send_presence(pto=that.boundjid.bare, ptype="subscribe")
            asked = lambda e, of=this: e["ev"] == "presence" and e["type"] == "subscribe" and e["bare"] == of.boundjid.bare  # noqa: E731
            await that.ev.wait("a request", asked, PATIENCE_S)
            that.send_presence(pto=this.boundjid.bare, ptype="subscribed")
            given = lambda e, of=that: e["ev"] == "presence" and e["type"] == "subscribed" and e["bare"] == of.boundjid.bare  # noqa: E731
            await this.ev.wait("the approval", given, PATIENCE_S)
        for bot in bots:
            await bot.logout()


class Client:
    """One client of one account, in a network of its own that has nothing but the server."""

    def __init__(self, server, user, out):
        args = types.SimpleNamespace(
            host="127.0.0.1", port=server.port, tls_port=server.tls_port, ws_url=None, ws_port=None, domain=DOMAIN,
            ca=os.path.join(server.work, "ca.pem"), user_a=[user, f"pw-{user}"], user_b=["nobody", ""], srv="both",
            out=out, timeout=600, to_full=False, server_log=None, verbose=False,
        )  # fmt: skip
        folder = os.path.join(out, self.NAME)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(os.path.join(folder, "home"))
        self.user, self.jid = user, f"{user}@{DOMAIN}"
        self.ctx = rig.Ctx(self.NAME, args, types.SimpleNamespace(ev=Events()), folder)
        self.ctx.opts = {}
        self.ctx.jail = Jail(self.NAME, folder, DOMAIN, args.host, {5222: args.port, 5223: args.tls_port}, args.ca)

    async def start(self):
        await self.ctx.jail.start()
        await self.login()

    async def stop(self):
        await self.ctx.cleanup()
        await self.ctx.jail.stop()

    async def wait(self, what, holds, every=0.5):
        return await self.ctx.wait_for(f"{what} ({self.NAME})", holds, PATIENCE_S, every)


class Gajim(Client):
    NAME = "gajim"

    async def login(self):
        ctx, started = self.ctx, asyncio.get_running_loop().create_future()

        async def flow(_ctx, process, _timeout):
            started.set_result(process)

        J.flow = flow
        # The rig's plugin, with more commands.
        plugin = ctx.path("rig/clients/gajim_plugin")
        shutil.copytree(os.path.join(RIG, "clients/gajim_plugin"), plugin, ignore=shutil.ignore_patterns("__pycache__"))
        os.rename(os.path.join(plugin, "driver.py"), os.path.join(plugin, "rig_driver.py"))
        shutil.copy(os.path.join(HERE, "gajim_driver.py"), os.path.join(plugin, "driver.py"))
        ctx.here = ctx.path("rig")
        await rig_gajim.run(ctx)
        self.process = await started
        await self.event("login", lambda e: e["ev"] == "online")

    def tell(self, **command):
        J.tell(self.process, **command)

    async def event(self, what, matches):
        return await J.got(self.ctx, f"{what} (gajim)", matches, PATIENCE_S)

    async def ask(self, answer, **command):
        """Sends a command until its answer says that it is so."""

        async def again():
            while True:
                since = len(self.ctx.ev.log)
                self.tell(**command)
                said = await self.ctx.ev.wait(answer, lambda e: e["ev"] in (answer, "error", "eof"), PATIENCE_S, since)
                if said.get("so"):
                    return
                if said["ev"] != answer:
                    raise RuntimeError(f"{command}: {said}")
                await asyncio.sleep(0.5)

        await asyncio.wait_for(again(), PATIENCE_S)

    def encrypts(self, jid):
        """What a user sets once for a chat, under the lock."""
        self.tell(cmd="encrypt", jid=jid)

    async def say(self, jid, text):
        self.tell(cmd="type", jid=jid, text=text)

    async def shows(self, text, encrypted=True):
        shown = await self.event(f'"{text}"', lambda e: e["ev"] in ("message", "groupchat") and e["body"] == text)
        if encrypted != (shown["encrypted"] == "OMEMO"):
            raise AssertionError(f'"{text}" was encrypted with {shown["encrypted"]}')

    async def picture(self, path):
        """What is on its screen, without the empty part, in few colours."""
        await asyncio.sleep(2)  # it has no event for having drawn
        await xvfb.shot(self.ctx, "shot.png")
        command = ["convert", self.ctx.path("shot.png"), "-trim", "+repage", "-strip", "-colors", "64", f"PNG8:{path}"]
        subprocess.run(command, check=True)


class Profanity(Client):
    NAME = "profanity"

    async def login(self):
        ctx = self.ctx
        account = f"[rig]\njid={self.jid}\npassword=pw-{self.user}\nresource=profanity\nenabled=true\ntls.policy=force\nmuc.nick={self.user}\n"
        settings = "[ui]\nsplash=false\n[logging]\nchlog=false\n[omemo]\npolicy=always\ntrustmode=blind\n"
        for folder, name, text in (
            ("home/.config/profanity", "profrc", settings),
            ("home/.local/share/profanity", "accounts", account),
        ):
            os.makedirs(ctx.path(folder), exist_ok=True)
            with open(ctx.path(folder, name), "w") as f:
                f.write(text)
        self.screen = Tui(ctx)
        await self.screen.start(["profanity", "-l", "DEBUG", "-f", ctx.path("profanity.log"), "-a", "rig"], ctx.env())
        await self.screen.see("logged in successfully", PATIENCE_S)
        # It has no setting for this: every user types it once, when the account is new to the client.
        self.screen.type("/omemo gen")
        await self.wait("its keys", lambda: "eu.siacs.conversations.axolotl.bundles" in self.log())
        await self.screen.see("Your Device ID is", PATIENCE_S)

    def log(self):
        with open(self.ctx.path("profanity.log"), errors="replace") as f:
            return f.read()

    async def open(self, jid):
        self.screen.type(f"/msg {jid}")

    async def enter(self, room):
        await self.wait("the invitation", lambda: room in self.log())
        self.screen.type(f"/join {room}")
        await self.screen.see("You have joined the room", PATIENCE_S)

    async def say(self, jid, text):
        self.screen.type(text)

    async def shows(self, text, encrypted=True):
        # After the time: "~" for what came by OMEMO.
        line = rf"^[\d:]+ {'~' if encrypted else '-'} \S+: {re.escape(text)}"
        await self.wait(f'"{text}"', lambda: re.search(line, self.screen.screen(), re.M))


class Dino(Client):
    NAME = "dino"
    NAMES = {"chat": 0, "groupchat": 1}

    def rows(self, query, *values):
        try:
            with sqlite3.connect(self.ctx.path("home/.local/share/dino/dino.db"), timeout=5) as db:
                return db.execute(query, values).fetchall()
        except sqlite3.OperationalError:
            return None

    async def action(self, *words):
        process = await self.ctx.spawn(["gapplication", "action", "im.dino.Dino", *words], env=self.env)
        await asyncio.wait_for(process.wait(), PATIENCE_S)

    async def launch(self, *options, log):
        self.process = await self.ctx.spawn(["dino-im", *options], env=self.env, log=log)

    async def quit(self):
        await self.action("quit")
        await asyncio.wait_for(self.process.wait(), PATIENCE_S)

    async def login(self):
        ctx = self.ctx
        await xvfb.start(ctx)
        bus = "unix:path=" + ctx.path("bus")
        self.env = ctx.env(
            DISPLAY=ctx.display, GDK_BACKEND="x11", GSK_RENDERER="cairo", GTK_A11Y="none", GSETTINGS_BACKEND="memory",
            GTK_USE_PORTAL="0", DBUS_SESSION_BUS_ADDRESS=bus,
        )  # fmt: skip
        await ctx.spawn(["dbus-daemon", "--session", "--nofork", f"--address={bus}"], env=self.env, log="bus.log")
        await self.wait("the bus", lambda: os.path.exists(ctx.path("bus")))
        await self.launch(log="first.log")
        await self.wait("its database", lambda: self.rows("SELECT * FROM settings") is not None)
        await asyncio.sleep(2)
        await self.quit()
        self.rows(
            "INSERT INTO account (bare_jid, resourcepart, password, alias, enabled, mam_earliest_synced) VALUES (?, 'dino', ?, ?, 1, 0)",
            self.jid, f"pw-{self.user}", self.user,
        )  # fmt: skip
        await self.launch("--print-xmpp=no-ansi;show-ns;all", log="dino.log")
        await self.wait("its keys", lambda: "axolotl.bundles" in self.log())

    def log(self):
        with open(self.ctx.path("dino.log"), errors="replace") as f:
            return f.read()

    async def restarted(self, jid, type_):
        """The chat, with what the user picks under the lock: its database is read when it starts."""
        of = "(SELECT id FROM jid WHERE bare_jid = ?)"
        await self.quit()
        self.rows("INSERT OR IGNORE INTO jid (bare_jid) VALUES (?)", jid)
        if not self.rows(f"SELECT id FROM conversation WHERE jid_id = {of}", jid):
            self.rows(
                "INSERT INTO conversation (account_id, jid_id, active, type, notification, send_typing, send_marker) "
                f"VALUES (1, {of}, 1, ?, 0, 0, 0)",
                jid, self.NAMES[type_],
            )  # fmt: skip
        self.rows(f"UPDATE conversation SET encryption = 2, active = 1 WHERE jid_id = {of}", jid)
        before = self.log().count("jabber:iq:roster")
        await self.launch("--print-xmpp=no-ansi;show-ns;all", log="dino.log")
        await self.wait("its return", lambda: self.log().count("jabber:iq:roster") > before)

    async def keys(self, *names):
        for name in names:
            await xvfb.xdo(self.ctx, "key", "--clearmodifiers", name)
            await asyncio.sleep(0.5)

    async def uri(self, uri):
        process = await self.ctx.spawn(["dino-im", uri], env=self.env, log="uri.log")
        await asyncio.wait_for(process.wait(), PATIENCE_S)
        await asyncio.sleep(2)

    async def open(self, jid):
        await self.restarted(jid, "chat")
        await self.uri(f"xmpp:{jid}?message")

    async def enter(self, room):
        await self.wait("the invitation", lambda: room in self.log())
        await self.uri(f"xmpp:{room}?join")
        await xvfb.shot(self.ctx, "dino-join.png")
        await xvfb.xdo(self.ctx, "mousemove", "810", "320", "click", "1")  # its button "Join"
        number = "SELECT conversation.id FROM conversation JOIN jid ON jid.id = jid_id WHERE bare_jid = ?"
        await self.wait("the room", lambda: self.rows(number, room))
        bookmark = r"publish \{[^\n]*node='urn:xmpp:bookmarks:1'"
        await self.wait("its bookmark of the room", lambda: re.search(bookmark, self.log()))
        await asyncio.sleep(1)
        await self.restarted(room, "groupchat")
        await self.action("open-conversation", str(self.rows(number, room)[0][0]))
        await asyncio.sleep(2)

    async def say(self, jid, text):
        await xvfb.xdo(self.ctx, "type", "--delay", "15", text)
        await self.keys("Return")

    async def shows(self, text, encrypted=True):
        how = 2 if encrypted else 0
        query = "SELECT 1 FROM message WHERE body = ? AND encryption = ?"
        await self.wait(f'"{text}"', lambda: self.rows(query, text, how))


async def encrypted_chat(gajim, other, mine, theirs):
    """Each shows what the other wrote."""
    gajim.encrypts(other.jid)
    await gajim.ask("keys?", cmd="keys?", jid=other.jid)
    await gajim.say(other.jid, mine)
    await other.shows(mine)
    await other.say(gajim.jid, theirs)
    await gajim.shows(theirs)


async def private_room(gajim, other, room, mine, theirs):
    """A room that only members enter and where everybody sees who is who: without either, no client offers OMEMO there."""
    gajim.tell(cmd="create", room=room, name="Balcony")
    await gajim.ask("private?", cmd="private?", room=room)
    gajim.encrypts(room)
    gajim.tell(cmd="invite", room=room, guest=other.jid)
    await other.enter(room)
    await gajim.ask("occupants?", cmd="occupants?", room=room, count=2)
    await gajim.say(room, mine)
    await other.shows(mine)
    await other.say(room, theirs)
    await gajim.shows(theirs)
