// The two state tables of the presence service (RFC 3922 sections 6.1 to 6.5, RFC 3859 section 3.4), each row end to end:
// an XMPP client on one side, an HTTP caller on the other.
//
// A row: state | what happens | what Juliet's client gets | what Romeo's side gets | what the gateway keeps. A comma is
// between things that come one after the other; an arrow is the answer to the call itself; "-" is nothing. In brackets the
// rules that the row shows.
//
// Two rows of RFC 3859's cannot occur over HTTP: a refresh of what Juliet watches, for only Romeo's subscriptions have a
// duration, and a request repeated with its SubscriptID while it is pending, for callers name none.

import { describe, expect, it } from "vitest";
import { FakeClock } from "../support/fake-clock.ts";
import { type Answer, pidf } from "../support/foreign.ts";
import { answerText, eventText, list, stanzaText } from "../support/in-words.ts";
import {
  beWatched,
  eventsUntilNow,
  JULIET,
  ROMEO,
  relation,
  type Stage,
  SUBSCRIPTION,
  stage,
  watch,
} from "../support/stage.ts";

type Scene = Stage & { readonly clock: FakeClock };
type Action = (scene: Scene) => Promise<Answer | undefined>;

const WATCHERS = `/presentities/${ROMEO}/watchers/${JULIET}`;
const NOBODY = "nobody@example.net";
const MINUTES = 60_000;

function sends(xml: string): Action {
  return async ({ juliet }) => {
    juliet.send(xml);
    return undefined;
  };
}

function calls(method: string, path: string, body?: unknown): Action {
  return ({ foreign }) => foreign.call(method, path, body);
}

function publishes(...tuples: Parameters<typeof pidf>[1][]): Action {
  return ({ foreign }) => foreign.publish(ROMEO, pidf(ROMEO, ...tuples));
}

function passes(milliseconds: number): Action {
  return async ({ clock }) => {
    clock.advance(milliseconds);
    return undefined;
  };
}

const ACTIONS: Readonly<Record<string, Action>> = {
  // Juliet
  "she subscribes": sends(`<presence to='${ROMEO}' type='subscribe' id='s9'/>`),
  "she subscribes to nobody": sends(`<presence to='${NOBODY}' type='subscribe' id='s9'/>`),
  "she unsubscribes": sends(`<presence to='${ROMEO}' type='unsubscribe' id='u9'/>`),
  "she unsubscribes from nobody": sends(`<presence to='${NOBODY}' type='unsubscribe' id='u9'/>`),
  "she approves": sends(`<presence to='${ROMEO}' type='subscribed' id='a9'/>`),
  "she refuses": sends(`<presence to='${ROMEO}' type='unsubscribed' id='r9'/>`),
  "she probes": sends(`<presence to='${ROMEO}' type='probe' id='p9'/>`),
  "she probes nobody": sends(`<presence to='${NOBODY}' type='probe' id='p9'/>`),
  "her presence changes": sends("<presence id='n9'><show>away</show></presence>"),
  "she removes him": sends(
    `<iq type='set' id='i9'><query xmlns='jabber:iq:roster'><item jid='${ROMEO}' subscription='remove'/></query></iq>`,
  ),
  // Romeo
  "he approves": calls("PUT", WATCHERS, { state: "active" }),
  "he denies": calls("PUT", WATCHERS, { state: "denied" }),
  "he cancels": calls("DELETE", WATCHERS),
  "he publishes": publishes({ id: "orchard", im: "away" }, { id: "desk" }),
  "he publishes a change": publishes({ id: "orchard", im: "busy" }, { id: "desk" }),
  "he publishes the same": publishes({ id: "orchard", im: "away" }, { id: "desk" }),
  "he withdraws": calls("DELETE", `/presentities/${ROMEO}/presence`),
  "he asks": calls("PUT", SUBSCRIPTION, { transId: "t9" }),
  "he asks for 2 minutes": calls("PUT", SUBSCRIPTION, { transId: "t9", duration: 120 }),
  "he asks for nobody": calls("PUT", `/presentities/${ROMEO}/subscriptions/nobody@example.com`, { transId: "t9" }),
  "he fetches": calls("PUT", SUBSCRIPTION, { transId: "t9", duration: 0 }),
  "he fetches nobody": calls("PUT", `/presentities/${ROMEO}/subscriptions/nobody@example.com`, { duration: 0 }),
  "he ends it": calls("DELETE", SUBSCRIPTION),
  // time
  "3 minutes pass": passes(3 * MINUTES),
  "30 days pass": passes(30 * 24 * 60 * MINUTES),
};

type State = { readonly settings?: Record<string, unknown>; readonly reach?: (scene: Scene) => Promise<unknown> };

const published = publishes({ id: "orchard", im: "away" }, { id: "desk" });
const asked: Action = async ({ juliet, events }) => {
  juliet.send(`<presence to='${ROMEO}' type='subscribe' id='s1'/>`);
  await events.expect("subscribe", { transId: "s1" });
  return undefined;
};

/** What stands before the event. Where she watches him, or may, he has published a tuple `orchard` and a tuple `desk`. */
const STATES: Readonly<Record<string, State>> = {
  none: {},
  "none, policy allow": { settings: { subscriptions: "allow" }, reach: published },
  "none, policy deny": { settings: { subscriptions: "deny" } },
  "none, not let in": { settings: { subscriptions: "allow", allowFrom: ["nurse@example.com"] } },
  asked: { reach: asked },
  "asked, published": { reach: async (scene) => [await asked(scene), await published(scene)] },
  active: { reach: async (scene) => [await published(scene), await watch(scene)] },
  "active, expiring": {
    reach: async (scene) => {
      await watch(scene);
      await scene.foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard" }), "?expires=120");
    },
  },
  pending: { reach: ({ foreign }) => foreign.call("PUT", SUBSCRIPTION, { transId: "t1" }) },
  "pending, 2 minutes": { reach: ({ foreign }) => foreign.call("PUT", SUBSCRIPTION, { transId: "t1", duration: 120 }) },
  "pre-approved": { reach: sends(`<presence to='${ROMEO}' type='subscribed'/>`) },
  watched: { reach: (scene) => beWatched(scene) },
  "watched, 2 minutes": { reach: (scene) => beWatched(scene, { duration: 120 }) },
  "authorised only": {
    reach: async (scene) => {
      await beWatched(scene, { duration: 120 });
      scene.clock.advance(3 * MINUTES);
      await scene.events.expect("terminated", { reason: "expired" });
    },
  },
};

async function play(state: string, event: string): Promise<[string, string, string]> {
  const { settings = {}, reach = async () => {} } = STATES[state] as State;
  const clock = new FakeClock();
  const scene = { ...(await stage(settings, { clock })), clock };
  await reach(scene);
  // Somebody whom he lets in.
  const nurse = state === "none, not let in" ? await scene.server.client("nurse") : scene.juliet;
  await scene.juliet.untilNow();
  await eventsUntilNow(scene, nurse);
  const answer = await (ACTIONS[event] as Action)(scene);
  const stanzas = await scene.juliet.untilNow();
  const events = await eventsUntilNow(scene, nurse);
  const toRomeo = [...(answer === undefined ? [] : [answerText(answer)]), ...events.map(eventText)];
  return [list(stanzas.map(stanzaText)), list(toRomeo), await kept(scene)];
}

// The authorisation as RFC 6121 appendix A names it, Romeo being the owner; what Juliet asked; what Romeo asked.
async function kept(scene: Scene): Promise<string> {
  const found = await relation(scene);
  if (found === undefined) return "-";
  return list([
    found.state,
    ...(found.watch === null ? [] : ["watch"]),
    ...(found.subscription === null ? [] : [`subscription ${found.subscription.state}`]),
  ]);
}

function rows(table: string): [string, string, string, string, string, string][] {
  return table
    .trim()
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()) as [string, string, string, string, string, string]);
}

describe.each([
  [
    "watches",
    `
none | she subscribes | push none subscribe | subscribe s9 | none+in, watch | [S-6.1a]
none, policy allow | she subscribes | subscribed id s9, push to, available orchard away, available desk | - | from, watch | [S-6.1f]
none, policy deny | she subscribes | error auth forbidden s9 | - | - | [S-6.1k]
none, not let in | she subscribes | error auth forbidden s9 | - | - | [S-6.1k]
none | she subscribes to nobody | error cancel item-not-found s9 | - | - | [S-6.1j]
none | he approves | - | →404 item-not-found | - |
none | he denies | - | →404 item-not-found | - |
none | he publishes | - | →201 | - |
none | she unsubscribes | - | - | - |
none | she unsubscribes from nobody | error cancel item-not-found u9 | - | - | [S-6.4e]
none | she probes | error cancel 503 service-unavailable p9 | - | - |
none, policy allow | she probes | available orchard away id p9, available desk id p9 | - | - | [D-4.2.4a D-4.2.4b D-4.2.4c]
none, not let in | she probes | error auth forbidden p9 | - | - |
none | she probes nobody | error cancel item-not-found p9 | - | - |
asked | she subscribes | error cancel conflict s9 | - | none+in, watch | [S-6.1l]
asked | he approves | subscribed id s1, push to, unavailable | →204 | from, watch | [S-6.1f]
asked, published | he approves | subscribed id s1, push to, available orchard away, available desk | →204 | from, watch | [S-6.1f D-4.2.1.3a]
asked | he denies | unsubscribed, push none | →204 | - | [S-6.1h S-6.1i]
asked | he cancels | unsubscribed, push none | →204 | - |
asked | he publishes | - | →201 | none+in, watch |
asked | she unsubscribes | push none | unsubscribe u9 | - | [S-6.4a S-6.4d]
asked | she removes him | push remove, result | unsubscribe | - |
asked | she probes | error cancel 503 service-unavailable p9 | - | none+in, watch |
asked | 30 days pass | - | - | none+in, watch | [S-6.1d]
active | she subscribes | error cancel conflict s9 | - | from, watch | [S-6.1l]
active | he approves | - | →204 | from, watch |
active | he publishes a change | available orchard dnd | →200 | from, watch | [S-6.1g S-6.3.1c]
active | he publishes the same | - | →200 | from, watch | [S-6.3.1c]
active | he withdraws | unavailable orchard, unavailable desk | →204 | from, watch |
active | he denies | unavailable orchard, unavailable desk, unsubscribed, push none | →204 | - |
active | he cancels | unavailable orchard, unavailable desk, unsubscribed, push none | →204 | - |
active | she unsubscribes | push none | unsubscribe u9 | - | [S-6.4a S-6.4d]
active | she removes him | push remove, result | unsubscribe | - |
active | she probes | available orchard away id p9, available desk id p9 | - | from, watch | [D-4.2.4a D-4.2.4b D-4.2.4c]
active | 30 days pass | - | - | from, watch | [S-6.1d]
active, expiring | 3 minutes pass | unavailable orchard | - | from, watch |
`,
  ],
  [
    "is watched",
    `
none | he asks | subscribe id t9 | →202 pending | none+out, subscription pending | [S-6.2a S-6.2e]
none | he asks for 2 minutes | subscribe id t9 | →202 pending | none+out, subscription pending |
none | he asks for nobody | - | →404 item-not-found | - | [S-6.2k PP-3.4.1a]
none | he fetches | - | →403 forbidden | - | [PP-3.4.1b]
none | he fetches nobody | - | →404 item-not-found | - |
none | he ends it | - | →404 item-not-found | - |
none | she approves | push none approved | - | - |
none | she refuses | - | - | - |
none | her presence changes | available her own away | - | - |
pre-approved | he asks | push from approved | →200 success, notify balcony open t9 | to, subscription active |
pre-approved | she refuses | push none | - | - |
pre-approved | he fetches | - | →403 forbidden | - |
pending | he asks | - | →409 conflict | none+out, subscription pending | [S-6.2k PP-3.4.1c]
pending | he asks for 2 minutes | - | →409 conflict | none+out, subscription pending |
pending | she approves | push from | response t1 success, notify balcony open t1 | to, subscription active | [S-6.2f S-6.2g PP-3.1e]
pending | she refuses | - | response t1 failure forbidden, terminated r9 denied | - | [S-6.2i S-6.2j]
pending | her presence changes | available her own away | - | none+out, subscription pending | [S-6.2j]
pending | he fetches | - | →403 forbidden | none+out, subscription pending |
pending | he ends it | unsubscribe | →204, response t1 failure unexpected-request | - |
pending, 2 minutes | 3 minutes pass | unsubscribe | response t1 failure remote-server-timeout, terminated expired | - |
watched | he asks | - | →409 conflict | to, subscription active | [S-6.2k PP-3.4.1c]
watched | he asks for 2 minutes | - | →200 success, notify balcony open t9 | to, subscription active | [PP-3.4.1c]
watched | she approves | - | - | to, subscription active |
watched | she refuses | push none | terminated r9 cancelled | - | [S-6.5a]
watched | her presence changes | available her own away | notify balcony open n9 | to, subscription active | [S-6.2h S-6.3.0]
watched | he fetches | - | →200 PIDF | to, subscription active | [D-4.2.4d PP-3.1g PP-3.4.3]
watched | he ends it | unsubscribe, push none | →204 | - | [D-4.2.3b PP-3.4.3]
watched | she removes him | push remove, result | terminated cancelled | - |
watched, 2 minutes | 3 minutes pass | - | terminated expired | to | [S-6.2m]
authorised only | he asks | - | →200 success, notify balcony open t9 | to, subscription active | [S-6.2m PP-3.4.1d]
authorised only | he fetches | - | →200 PIDF | to | [PP-3.1g]
authorised only | her presence changes | available her own away | - | to | [S-6.2m]
authorised only | she approves | - | - | to |
authorised only | she refuses | push none | - | - |
authorised only | he ends it | unsubscribe, push none | →204 | - |
`,
  ],
])("the user %s", (_, table) => {
  it.each(rows(table))("%s | %s | %s | %s | %s %s", async (state, event, ...cells) => {
    expect(await play(state, event)).toEqual(cells.slice(0, 3));
  });
});
