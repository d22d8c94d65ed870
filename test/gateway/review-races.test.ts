// What happens when two sides act at once: the store is held at one step, the other side goes on, the store lets go.

import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../storage/memory.ts";
import type { GatewayStore, Store } from "../../storage/store.ts";
import type { ScriptedClient } from "../support/client.ts";
import { Foreign, pidf } from "../support/foreign.ts";
import { startServer, type TestServer } from "../support/server.ts";

const ROMEO = "romeo@example.net";
const WATCHER = `/presentities/${ROMEO}/watchers/juliet@example.com`;

type Gate = { readonly reached: Promise<void>; open(): void };
type When = "before" | "after";

/** A memory store of which one call of the gateway's can be held, before it is made or before it answers. */
class HeldStore {
  readonly store: Store;
  readonly #gates = new Map<string, { when: When; reach: () => void; opened: Promise<void> }>();

  constructor() {
    const inner = createMemoryStore();
    const gateway = new Proxy(inner.gateway, {
      get: (target, name: keyof GatewayStore & string) => {
        const call = target[name] as (...args: unknown[]) => Promise<unknown>;
        return (...args: unknown[]) => this.#through(name, () => call.apply(target, args));
      },
    });
    this.store = { ...inner, gateway };
  }

  hold(operation: keyof GatewayStore & string, when: When): Gate {
    let reach = (): void => {};
    let open = (): void => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const reached = new Promise<void>((resolve) => {
      reach = resolve;
    });
    this.#gates.set(operation, { when, reach, opened });
    return { reached, open };
  }

  #through(name: string, call: () => Promise<unknown>): Promise<unknown> {
    const gate = this.#gates.get(name);
    if (gate === undefined) return call();
    this.#gates.delete(name);
    const wait = (): Promise<void> => {
      gate.reach();
      return gate.opened;
    };
    if (gate.when === "before") return wait().then(call);
    return call().then(async (answer) => {
      await wait();
      return answer;
    });
  }
}

type Stage = { held: HeldStore; server: TestServer; juliet: ScriptedClient; foreign: Foreign };

async function stage(): Promise<Stage> {
  const held = new HeldStore();
  const server = await startServer({ gateway: { domains: { "example.net": {} } } }, { store: held.store });
  const foreign = await Foreign.of(server, "domain:example.net");
  await foreign.presentity(ROMEO);
  const juliet = await server.online("juliet", { resource: "balcony" });
  return { held, server, juliet, foreign };
}

async function ask({ juliet }: Stage): Promise<void> {
  juliet.send(`<presence to='${ROMEO}' type='subscribe' id='sub1'/>`);
  await juliet.sync();
}

async function approved(scene: Stage): Promise<void> {
  await ask(scene);
  await scene.foreign.call("PUT", WATCHER, { state: "active" });
  await scene.juliet.sync();
}

/** Both sides have had time to do whatever they do not wait with. */
async function meanwhile({ juliet, foreign }: Stage): Promise<void> {
  for (let n = 0; n < 3; n++) {
    await foreign.call("GET", `/presentities/${ROMEO}`);
    await juliet.sync();
  }
}

/** What the client last heard of Romeo's resource: its show, "available", or "unavailable"; undefined: nothing. */
function lastKnown({ juliet }: Stage): string | undefined {
  const heard = [
    ...juliet.received.matchAll(
      /<presence\b[^>]*from=["']romeo@example\.net\/orchard["'][^>]*?(?:\/>|>.*?<\/presence>)/g,
    ),
  ];
  const last = heard.at(-1)?.[0];
  if (last === undefined) return undefined;
  if (/type=["']unavailable["']/.test(last)) return "unavailable";
  return /<show>(\w+)<\/show>/.exec(last)?.[1] ?? "available";
}

async function subscription({ juliet }: Stage): Promise<string | undefined> {
  const roster = await juliet.ask("get", "<query xmlns='jabber:iq:roster'/>");
  const item = roster
    .getChild("query")
    ?.getChildren("item")
    .find(({ attrs }) => attrs.jid === ROMEO);
  return item && [item.attrs.subscription, item.attrs.ask].filter(Boolean).join("+");
}

describe("a watcher who is cancelled hears nothing more", () => {
  it("also when the approval was still being told", async () => {
    const scene = await stage();
    const { held, juliet, foreign } = scene;
    await foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard" }));
    await ask(scene);
    const gate = held.hold("getPublication", "after");
    const approval = foreign.call("PUT", WATCHER, { state: "active" });
    await gate.reached;
    const cancel = foreign.call("DELETE", WATCHER);
    await meanwhile(scene);
    gate.open();
    await Promise.all([approval, cancel]);
    await juliet.sync();
    expect(lastKnown(scene)).toBe("unavailable");
    expect(await subscription(scene)).toBe("none");
  });

  it("also when a publication was on its way", async () => {
    const scene = await stage();
    const { held, juliet, foreign } = scene;
    await foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard" }));
    await approved(scene);
    const gate = held.hold("listRelations", "after");
    const published = foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard", im: "away" }));
    await gate.reached;
    const cancel = foreign.call("DELETE", WATCHER);
    await meanwhile(scene);
    gate.open();
    await Promise.all([published, cancel]);
    await juliet.sync();
    expect(lastKnown(scene)).toBe("unavailable");
  });
});

describe("a watcher who is approved", () => {
  it("ends with the newest document, when one is published at that moment", async () => {
    const scene = await stage();
    const { held, juliet, foreign } = scene;
    await foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard", im: "away" }));
    await ask(scene);
    const gate = held.hold("getPublication", "after");
    const approval = foreign.call("PUT", WATCHER, { state: "active" });
    await gate.reached;
    const published = foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard", im: "busy" }));
    await meanwhile(scene);
    gate.open();
    await Promise.all([approval, published]);
    await juliet.sync();
    expect(lastKnown(scene)).toBe("dnd");
  });

  it("hears it once, although the approval was sent twice at once", async () => {
    const scene = await stage();
    const { juliet, foreign } = scene;
    await foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard" }));
    await ask(scene);
    const answers = await Promise.all([1, 2, 3].map(() => foreign.call("PUT", WATCHER, { state: "active" })));
    expect(answers.map(({ status }) => status)).toEqual([204, 204, 204]);
    await juliet.sync();
    expect(juliet.received.match(/type=["']subscribed["']/g)).toHaveLength(1);
    expect(juliet.received.match(/from=["']romeo@example\.net\/orchard["']/g)).toHaveLength(1);
  });

  it("and denied at the same moment: the roster and the gateway agree in the end", async () => {
    const scene = await stage();
    const { juliet, foreign } = scene;
    await foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard" }));
    for (let round = 0; round < 10; round++) {
      await ask(scene);
      await Promise.all([
        foreign.call("PUT", WATCHER, { state: "active" }),
        foreign.call("PUT", WATCHER, { state: "denied" }),
      ]);
      await juliet.sync();
      const watchers = await foreign.call("GET", `/presentities/${ROMEO}/watchers`);
      expect(watchers.text).toBe("[]");
      expect(await subscription(scene)).toBe("none");
      expect(lastKnown(scene) ?? "unavailable").toBe("unavailable");
    }
  });

  it("and unsubscribes at the same moment: the roster and the gateway agree in the end", async () => {
    const scene = await stage();
    const { juliet, foreign } = scene;
    for (let round = 0; round < 10; round++) {
      await ask(scene);
      const approval = foreign.call("PUT", WATCHER, { state: "active" });
      juliet.send(`<presence to='${ROMEO}' type='unsubscribe'/>`);
      await approval;
      await juliet.sync();
      expect((await foreign.call("GET", `/presentities/${ROMEO}/watchers`)).text).toBe("[]");
      expect(await subscription(scene)).toBe("none");
    }
  });
});

describe("a watcher who asks again", () => {
  it("while the first request is being denied: the denial stands, for both", async () => {
    const scene = await stage();
    const { held, juliet, foreign } = scene;
    await ask(scene);
    const gate = held.hold("updateRelation", "before");
    const denial = foreign.call("PUT", WATCHER, { state: "denied" });
    await gate.reached;
    juliet.send(`<presence to='${ROMEO}' type='subscribe' id='sub2'/>`);
    await foreign.call("GET", `/presentities/${ROMEO}`);
    await foreign.call("GET", `/presentities/${ROMEO}`);
    gate.open();
    await denial;
    await juliet.sync();
    expect(await subscription(scene)).toBe("none");
    expect((await foreign.call("GET", `/presentities/${ROMEO}/watchers`)).text).toBe("[]");
  });
});

describe("a presentity that is being deleted", () => {
  it("leaves nobody waiting who asks at that moment", async () => {
    const scene = await stage();
    const { held, juliet, foreign } = scene;
    const gate = held.hold("deletePresentity", "before");
    const deletion = foreign.call("DELETE", `/presentities/${ROMEO}`);
    await gate.reached;
    juliet.send(`<presence to='${ROMEO}' type='subscribe' id='sub1'/>`);
    await foreign.call("GET", `/presentities/${ROMEO}`);
    await foreign.call("GET", `/presentities/${ROMEO}`);
    gate.open();
    await deletion;
    await juliet.until(
      "<presence type='error'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>",
    );
    expect(await subscription(scene)).toBeUndefined();
  });

  it("comes back without the watchers that it had", async () => {
    const scene = await stage();
    const { held, juliet, foreign } = scene;
    const gate = held.hold("updateRelation", "before");
    juliet.send(`<presence to='${ROMEO}' type='subscribe' id='sub1'/>`);
    await gate.reached;
    const deletion = foreign.call("DELETE", `/presentities/${ROMEO}`);
    for (let n = 0; n < 3; n++) await foreign.call("GET", `/presentities/${ROMEO}`);
    gate.open();
    expect((await deletion).status).toBe(204);
    await juliet.sync();
    await foreign.presentity(ROMEO);
    expect((await foreign.call("GET", `/presentities/${ROMEO}/watchers`)).text).toBe("[]");
    expect((await subscription(scene)) ?? "none").toBe("none");
  });

  it("comes back without the subscriptions that it asked for", async () => {
    const scene = await stage();
    const { held, juliet, foreign } = scene;
    const gate = held.hold("updateRelation", "before");
    const asked = foreign.call("PUT", `/presentities/${ROMEO}/subscriptions/juliet@example.com`, {});
    await gate.reached;
    const deletion = foreign.call("DELETE", `/presentities/${ROMEO}`);
    for (let n = 0; n < 3; n++) await foreign.call("GET", `/presentities/${ROMEO}`);
    gate.open();
    await Promise.all([asked, deletion]);
    await juliet.sync();
    await foreign.presentity(ROMEO);
    expect((await foreign.call("GET", `/presentities/${ROMEO}/subscriptions`)).text).toBe("[]");
  });
});
