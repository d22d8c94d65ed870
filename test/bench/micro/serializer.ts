// The serializer: stanzas, changed copies of them, and what several recipients share.

import { SharedPresence } from "../../../server/presence/shared-presence.ts";
import { carbonOf } from "../../../server/router/carbons.ts";
import { serialize, withAttrs } from "../../../server/xml/serialize.ts";
import { report, type Task } from "./harness.ts";
import { available, chat, element, roster } from "./stanzas.ts";

const JULIET = "juliet@example.com/balcony";
const FROM = ` from='${JULIET}'`;

function whole(name: string, text: string): Task {
  const stanza = element(text);
  let octets = 0;
  return {
    name,
    run: () => {
      octets = serialize(stanza).length;
    },
    counted: () => `${octets} octets`,
  };
}

export async function run(): Promise<void> {
  const message = element(chat("romeo@example.net", FROM));
  const presence = element(available(FROM));
  let sink = 0;
  await report("serializer", [
    whole("message", chat("romeo@example.net", FROM)),
    whole("presence", available(FROM)),
    whole("roster of 50", roster(50)),
    whole(
      "message with much to escape",
      chat("romeo@example.net").replace(/<body>.*<\/body>/, `<body>${"&lt;&amp;".repeat(40)}</body>`),
    ),
    {
      name: "copy with another attribute",
      run: () => {
        sink += withAttrs(message, { from: JULIET }).children.length;
      },
    },
    {
      name: "carbons for 3 devices",
      run: () => {
        const textFor = carbonOf("received", message, "romeo@example.net");
        for (const device of ["a", "b", "c"]) sink += textFor(`romeo@example.net/${device}`).length;
      },
    },
    {
      name: "presence for 50, each",
      operations: 50,
      run: () => {
        const shared = new SharedPresence(presence);
        for (let n = 0; n < 50; n += 1) sink += shared.textFor("romeo@example.net").length;
      },
    },
  ]);
  if (sink === 0) throw new Error("nothing was serialized");
}
