"""More of what a user's hand does in Gajim 1.7, for the rig's plugin (real_clients.py puts it in the place of the rig's own)."""
import json
import os

from gajim.common import app
from nbxmpp.protocol import JID

from .rig_driver import RigDriver as Base
from .rig_driver import emit


class RigDriver(Base):
    def init(self):
        super().init()
        self.input = b""
        self.events_handlers["message-received"] = (50, lambda e: self.message("message", e))
        self.events_handlers["gc-message-received"] = (50, lambda e: self.message("groupchat", e))

    def stdin(self, *_):
        """Several commands may have come at once, which a buffered reader would sit on."""
        octets = os.read(0, 65536)
        *lines, self.input = (self.input + octets).split(b"\n")
        for line in lines:
            try:
                self.do(json.loads(line))
            except Exception as e:
                emit(ev="error", text=repr(e))
        return bool(octets)

    def message(self, kind, e):
        encrypted = e.properties.encrypted
        name = encrypted.additional_data["name"] if encrypted else None
        emit(ev=kind, **{"from": str(e.fjid)}, body=e.msgtxt, encrypted=name)

    def do(self, c):
        account = list(app.settings.get_active_accounts())[0]
        client = app.get_client(account)
        contact = client.get_module("Contacts").get_contact(c["jid"]) if "jid" in c else None
        if c["cmd"] == "encrypt":
            contact.settings.set("encryption", "OMEMO")
        elif c["cmd"] == "keys?":
            emit(ev="keys?", so=client.get_module("OMEMO").backend.has_trusted_keys(c["jid"]))
        elif c["cmd"] == "create":  # what its dialogue asks for when the room is not to be public
            config = {
                "muc#roomconfig_roomname": c["name"],
                "muc#roomconfig_roomdesc": "",
                "muc#roomconfig_publicroom": False,
                "muc#roomconfig_membersonly": True,
                "muc#roomconfig_whois": "anyone",
                "muc#roomconfig_changesubject": True,
                "public_list": False,
            }
            client.get_module("MUC").create(c["room"], config)
        elif c["cmd"] == "private?":
            emit(ev="private?", so=client.get_module("OMEMO").is_omemo_groupchat(c["room"]))
        elif c["cmd"] == "invite":
            client.get_module("MUC").invite(JID.from_string(c["room"]), JID.from_string(c["guest"]))
        elif c["cmd"] == "occupants?":
            room = client.get_module("Contacts").get_contact(c["room"], groupchat=True)
            emit(ev="occupants?", so=len(list(room.get_participants())) == c["count"])
        elif c["cmd"] == "show":
            if not app.window.chat_exists(account, contact.jid):
                app.window.add_chat(account, contact.jid, "contact")
            app.window.select_chat(account, contact.jid)
        elif c["cmd"] == "type":
            self.do({"cmd": "show", "jid": c["jid"]})
            app.window.get_chat_stack().get_message_input().insert_text(c["text"])
            app.window.activate_action("send-message", None)
        else:
            super().do(c)
