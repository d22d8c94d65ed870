# slixmpp as a client that comes back by itself. stdin: {"to", "body"}, one a line; stdout: {"event": ..., "body"?}.
import asyncio
import json
import os
import ssl
import sys

import slixmpp


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


host, port = os.environ["RESUME_SERVICE"].rsplit("/", 1)[1].rsplit(":", 1)
user = os.environ["RESUME_USER"] + "@" + os.environ["RESUME_DOMAIN"] + "/resuming"
# The self-signed certificate is the test's own; PLAIN inside TLS, for slixmpp 1.8 binds to tls-unique, which TLS 1.3 lacks.
client = slixmpp.ClientXMPP(user, os.environ["RESUME_PASSWORD"], sasl_mech="PLAIN")
client.ssl_context.check_hostname = False
client.ssl_context.verify_mode = ssl.CERT_NONE
client.register_plugin("xep_0198")


def connect(_=None):
    client.connect(address=(host, int(port)))


async def lost(_):
    tell("lost")
    await asyncio.sleep(0.2)
    connect()


async def session(_):
    client.send_presence()
    tell("session")


client.add_event_handler("session_start", session)
client.add_event_handler("session_resumed", lambda _: tell("resumed"))
client.add_event_handler("disconnected", lost)
client.add_event_handler("message", lambda m: m["body"] and tell("message", body=m["body"]))


def read():
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    message = json.loads(line)
    client.send_message(mto=message["to"], mbody=message["body"], mtype="chat")


client.loop.add_reader(sys.stdin, read)
connect()
client.loop.run_forever()
