// From a session to its outbox: a stanza is stamped, routed and handed to the transports of whoever gets it. Once from the
// element, and once from its octets, through the parser and the stream.

import { report, type Task } from "./harness.ts";
import { type BenchClient, BenchStage } from "./stage.ts";
import { chat, element } from "./stanzas.ts";

/** `text` said by one client, with what it makes the server send to all of them. */
export function said(
  name: string,
  text: string,
  { sender, clients, octets = false }: { sender: BenchClient; clients: readonly BenchClient[]; octets?: boolean },
): Task {
  const stanza = element(text);
  const bytes = Buffer.from(text);
  const total = () => clients.map(({ transport }) => transport);
  let [before, after] = [
    { sends: 0, sent: 0 },
    { sends: 0, sent: 0 },
  ];
  const sum = () =>
    total().reduce((all, { sends, sent }) => ({ sends: all.sends + sends, sent: all.sent + sent }), {
      sends: 0,
      sent: 0,
    });
  let calls = 0;
  return {
    name,
    run: () => {
      if (calls === 0) before = sum();
      calls += 1;
      const outcome = octets ? sender.transport.events.data(bytes) : sender.receive(stanza);
      if (outcome instanceof Promise) return outcome.then(() => flush(clients));
      flush(clients);
      return undefined;
    },
    counted: () => {
      after = sum();
      const each = (value: number) => Math.round((value / calls) * 100) / 100;
      return `${each(after.sends - before.sends)} sends, ${each(after.sent - before.sent)} octets`;
    },
  };
}

function flush(clients: readonly BenchClient[]): void {
  for (const client of clients) client.flush();
}

export async function run(): Promise<void> {
  const stage = await BenchStage.open();
  try {
    await stage.befriend("juliet", "romeo");
    const juliet = await stage.client("juliet");
    const romeo = await stage.client("romeo");
    const clients = [juliet, romeo];
    const ping = "<iq type='get' id='p1' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>";
    await report("router", [
      said("message to a bare JID", chat("romeo@example.com"), { sender: juliet, clients }),
      said("message to a full JID", chat("romeo@example.com/phone"), { sender: juliet, clients }),
      said("the same from its octets", chat("romeo@example.com/phone"), { sender: juliet, clients, octets: true }),
      said("ping of the server", ping, { sender: juliet, clients }),
      said("message to another domain, refused", chat("romeo@elsewhere.example"), { sender: juliet, clients }),
    ]);
  } finally {
    await stage.close();
  }
}
