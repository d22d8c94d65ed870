// PubsubStore and CapabilityStore: every sentence of their docstrings.

import { describe, expect, it } from "vitest";
import { PUBSUB_ITEM_OVERHEAD } from "../../../storage/bounds.ts";
import type { PubsubItemQuery, PubsubQuota, Store } from "../../../storage/store.ts";
import { AT, account, JULIET, NURSE, nodeState, pubsubItem } from "../records.ts";

const ROOMY: PubsubQuota = { nodes: 100, bytes: 1_000_000 };
const ALL: PubsubItemQuery = { since: 0, backward: false, limit: 100 };

export function pubsubContract(store: () => Store): void {
  const pubsub = () => store().pubsub;

  async function publish(
    owner: string,
    name: string,
    id: string,
    change: { at?: number; keep?: number; since?: number; quota?: PubsubQuota; xml?: string } = {},
  ) {
    const { at = AT, keep = 100, since = 0, quota = ROOMY, xml } = change;
    const item = pubsubItem(id, { at, ...(xml === undefined ? {} : { xml }) });
    return pubsub().publish(owner, name, () => ({ create: nodeState(), item, keep, since }), quota);
  }
  const ids = async (owner: string, name: string, query: Partial<PubsubItemQuery> = {}) =>
    (await pubsub().items(owner, name, { ...ALL, ...query }))?.map(({ id }) => id);

  describe("pubsub nodes", () => {
    it("are created once for each owner and name, with all that they are", async () => {
      const state = nodeState({
        config: '{"title":"\u{1f339}"}',
        affiliations: [{ jid: NURSE, affiliation: "member" }],
        subscriptions: [{ jid: `${NURSE}/chamber`, state: "pending" }],
      });
      expect(await pubsub().create(JULIET, "tune", state, AT, ROOMY)).toBe(true);
      expect(await pubsub().create(JULIET, "tune", nodeState(), AT + 1, ROOMY)).toBe(false);
      expect(await pubsub().create(NURSE, "tune", nodeState(), AT, ROOMY)).toBe(true);
      expect(await pubsub().node(JULIET, "tune")).toEqual({ ...state, owner: JULIET, name: "tune", createdAt: AT });
      expect(await pubsub().node(JULIET, "Tune")).toBeUndefined();
      expect(await pubsub().count(JULIET, "tune")).toBe(0);
      expect(await ids(JULIET, "tune")).toEqual([]);
    });

    it("are listed in order of name, a page at a time", async () => {
      for (const name of ["b", "\u{1f339}", "a", "\uff5e"]) await pubsub().create(JULIET, name, nodeState(), AT, ROOMY);
      await pubsub().create(NURSE, "c", nodeState(), AT, ROOMY);
      const names = async (page: { after?: string; limit: number }) =>
        (await pubsub().nodes(JULIET, page)).map(({ name }) => name);
      expect(await names({ limit: 3 })).toEqual(["a", "b", "\uff5e"]);
      expect(await names({ after: "\uff5e", limit: 3 })).toEqual(["\u{1f339}"]);
      expect(await names({ limit: 0 })).toEqual([]);
    });

    it("are as many as the quota allows, of each owner; one that is removed makes room", async () => {
      const quota = { nodes: 2, bytes: 1_000 };
      for (const name of ["a", "b"]) expect(await pubsub().create(JULIET, name, nodeState(), AT, quota)).toBe(true);
      const full = { limit: "nodesPerAccount" };
      await expect(pubsub().create(JULIET, "c", nodeState(), AT, quota)).rejects.toMatchObject(full);
      await expect(publish(JULIET, "c", "1", { quota })).rejects.toMatchObject(full);
      expect(await pubsub().node(JULIET, "c")).toBeUndefined();
      await expect(publish(JULIET, "a", "1", { quota })).resolves.toMatchObject({ created: false });
      expect(await pubsub().create(NURSE, "c", nodeState(), AT, quota)).toBe(true);
      expect((await pubsub().remove(JULIET, "b"))?.name).toBe("b");
      expect(await pubsub().create(JULIET, "c", nodeState(), AT, quota)).toBe(true);
    });

    it("are changed by one read-change-write, and items beyond what they keep go", async () => {
      for (const id of ["1", "2", "3"]) await publish(JULIET, "tune", id);
      const changed = await pubsub().update(
        JULIET,
        "tune",
        (node) => ({ ...node, config: '{"max":2}', affiliations: [{ jid: NURSE, affiliation: "outcast" }] }),
        (config) => JSON.parse(config).max,
      );
      expect(changed?.before.config).toBe("{}");
      expect(changed?.after).toMatchObject({ config: '{"max":2}', createdAt: AT, subscriptions: [] });
      expect(await pubsub().node(JULIET, "tune")).toEqual(changed?.after);
      expect(await ids(JULIET, "tune")).toEqual(["2", "3"]);
      expect(await pubsub().count(JULIET, "tune")).toBe(2);
      const same = await pubsub().update(
        JULIET,
        "tune",
        () => undefined,
        () => 0,
      );
      expect(same?.after).toEqual(changed?.after);
      expect(
        (
          await pubsub().update(
            JULIET,
            "tune",
            (node) => node,
            () => 0,
          )
        )?.after,
      ).toEqual(changed?.after);
      expect(await pubsub().count(JULIET, "tune")).toBe(2);
      expect(
        await pubsub().update(
          JULIET,
          "none",
          (node) => node,
          () => 0,
        ),
      ).toBeUndefined();
    });

    it("are left alone by a change that throws", async () => {
      await publish(JULIET, "tune", "1");
      const wrong = (): never => {
        throw new Error("wrong");
      };
      await expect(pubsub().update(JULIET, "tune", wrong, () => 0)).rejects.toThrow("wrong");
      await expect(pubsub().publish(JULIET, "new", wrong, ROOMY)).rejects.toThrow("wrong");
      expect(await ids(JULIET, "tune")).toEqual(["1"]);
      expect(await pubsub().node(JULIET, "new")).toBeUndefined();
    });

    it("are removed with their items", async () => {
      await publish(JULIET, "tune", "1");
      expect(await pubsub().remove(JULIET, "tune")).toMatchObject({ owner: JULIET, name: "tune" });
      expect(await pubsub().remove(JULIET, "tune")).toBeUndefined();
      expect(await ids(JULIET, "tune")).toBeUndefined();
      await pubsub().create(JULIET, "tune", nodeState(), AT, ROOMY);
      expect(await ids(JULIET, "tune")).toEqual([]);
      expect(await pubsub().itemsById(JULIET, "tune", ["1"])).toEqual([]);
    });
  });

  describe("pubsub items", () => {
    it("are published to a node that is there, or that comes into being", async () => {
      const first = await publish(JULIET, "tune", "1");
      expect(first).toEqual({
        created: true,
        node: { ...nodeState(), owner: JULIET, name: "tune", createdAt: AT },
      });
      const seen: unknown[] = [];
      const item = pubsubItem("2", { publisher: `${JULIET}/orchard`, at: AT + 5, xml: "<tune>\u{1f339}</tune>" });
      const decide = (node: unknown) => {
        seen.push(node);
        return { create: nodeState({ config: '{"other":1}' }), item, keep: 9, since: 0 };
      };
      expect(await pubsub().publish(JULIET, "tune", decide, ROOMY)).toEqual({ created: false, node: first?.node });
      expect(seen).toEqual([first?.node]);
      expect(await pubsub().items(JULIET, "tune", ALL)).toEqual([pubsubItem("1"), item]);
    });

    it("need not be there: the node alone, or nothing at all", async () => {
      const nothing = await pubsub().publish(JULIET, "tune", () => undefined, ROOMY);
      expect(nothing).toBeUndefined();
      expect(await pubsub().node(JULIET, "tune")).toBeUndefined();
      const alone = () => ({ create: nodeState(), item: undefined, keep: 1, since: AT });
      expect((await pubsub().publish(JULIET, "tune", alone, ROOMY))?.created).toBe(true);
      expect(await pubsub().count(JULIET, "tune")).toBe(0);
    });

    it("of the same id are replaced, and the newest then", async () => {
      for (const id of ["1", "2"]) await publish(JULIET, "tune", id);
      await publish(JULIET, "tune", "1", { xml: "<again/>", at: AT + 9 });
      expect((await pubsub().items(JULIET, "tune", ALL))?.map(({ id, xml, at }) => [id, xml, at])).toEqual([
        ["2", "<item n='2'/>", AT],
        ["1", "<again/>", AT + 9],
      ]);
      expect(await pubsub().count(JULIET, "tune")).toBe(2);
    });

    it("beyond what is kept go from the oldest end, and so do those that are too old", async () => {
      for (const [n, id] of ["1", "2", "3", "4"].entries()) await publish(JULIET, "tune", id, { at: AT + n, keep: 3 });
      expect(await ids(JULIET, "tune")).toEqual(["2", "3", "4"]);
      await publish(JULIET, "tune", "5", { at: AT + 9, since: AT + 3 });
      expect(await ids(JULIET, "tune")).toEqual(["4", "5"]);
      await publish(JULIET, "tune", "5", { at: AT + 9, keep: 1 });
      expect(await ids(JULIET, "tune")).toEqual(["5"]);
      expect(await pubsub().count(JULIET, "tune")).toBe(1);
    });

    it("are paged in either direction", async () => {
      for (const [n, id] of ["1", "2", "3", "4", "5"].entries()) await publish(JULIET, "tune", id, { at: AT + n });
      await publish(JULIET, "mood", "1");
      await publish(NURSE, "tune", "6");
      expect(await ids(JULIET, "tune", { limit: 2 })).toEqual(["1", "2"]);
      expect(await ids(JULIET, "tune", { limit: 2, afterId: "2" })).toEqual(["3", "4"]);
      expect(await ids(JULIET, "tune", { limit: 2, backward: true })).toEqual(["4", "5"]);
      expect(await ids(JULIET, "tune", { limit: 2, backward: true, beforeId: "4" })).toEqual(["2", "3"]);
      expect(await ids(JULIET, "tune", { afterId: "1", beforeId: "4" })).toEqual(["2", "3"]);
      expect(await ids(JULIET, "tune", { since: AT + 3 })).toEqual(["4", "5"]);
      expect(await ids(JULIET, "tune", { limit: 0 })).toEqual([]);
      expect(await ids(JULIET, "tune", { limit: -1 })).toEqual([]);
      for (const query of [{ afterId: "6" }, { beforeId: "6" }])
        expect(await ids(JULIET, "tune", query)).toBeUndefined();
      expect(await ids(JULIET, "none")).toBeUndefined();
    });

    it("are found by id, in the order of the ids", async () => {
      for (const id of ["1", "2", "3"]) await publish(JULIET, "tune", id);
      const found = await pubsub().itemsById(JULIET, "tune", ["3", "none", "1"]);
      expect(found).toEqual([pubsubItem("3"), pubsubItem("1")]);
      expect(await pubsub().itemsById(JULIET, "none", ["1"])).toEqual([]);
    });

    it("are retracted one by one, or purged", async () => {
      for (const id of ["1", "2", "3"]) await publish(JULIET, "tune", id);
      await publish(NURSE, "tune", "4");
      expect(await pubsub().retract(JULIET, "tune", "2")).toBe(true);
      for (const id of ["2", "4"]) expect(await pubsub().retract(JULIET, "tune", id)).toBe(false);
      expect(await pubsub().retract(JULIET, "none", "1")).toBe(false);
      expect(await ids(JULIET, "tune")).toEqual(["1", "3"]);
      expect(await pubsub().count(JULIET, "tune")).toBe(2);
      expect(await pubsub().purge(JULIET, "tune")).toBe(true);
      expect(await pubsub().purge(JULIET, "none")).toBe(false);
      expect(await ids(JULIET, "tune")).toEqual([]);
      expect(await pubsub().count(JULIET, "tune")).toBe(0);
      expect(await ids(NURSE, "tune")).toEqual(["4"]);
    });

    it("of an account have so many bytes, whatever happened before", async () => {
      const each = PUBSUB_ITEM_OVERHEAD + 1 + 10;
      const quota = { nodes: 10, bytes: 2 * each };
      const xml = "<\u{1f339}    />"; // ten octets
      expect(Buffer.byteLength(xml)).toBe(11);
      const put = (name: string, id: string, text = "0123456789") =>
        publish(JULIET, name, id, { quota, xml: text, keep: 2 });
      await put("a", "1");
      await put("b", "1");
      const full = { limit: "bytesPerAccount" };
      await expect(put("a", "2")).rejects.toMatchObject(full);
      await expect(put("c", "1")).rejects.toMatchObject(full);
      await expect(put("a", "1", "01234567890")).rejects.toMatchObject(full);
      await expect(put("a", "1", xml)).rejects.toMatchObject(full);
      expect((await pubsub().items(JULIET, "a", ALL))?.map(({ xml: text }) => text)).toEqual(["0123456789"]);
      expect(await pubsub().node(JULIET, "c")).toBeUndefined();
      await put("a", "1", "9876543210"); // what it replaces makes room
      await publish(NURSE, "a", "1", { quota });
      await pubsub().retract(JULIET, "a", "1");
      await put("b", "2");
      await expect(put("b", "3", "0123456789x")).rejects.toMatchObject(full);
      await put("b", "3"); // so does what is trimmed
      await pubsub().purge(JULIET, "b");
      await put("a", "1");
      await put("a", "2");
      await pubsub().update(
        JULIET,
        "a",
        (node) => ({ ...node, config: "1" }),
        () => 1,
      );
      await put("b", "1");
      await pubsub().remove(JULIET, "a");
      await put("b", "2");
      await expect(put("c", "1")).rejects.toMatchObject(full);
    });

    it("that are the last of their nodes are found for many owners and names", async () => {
      for (const id of ["1", "2"]) await publish(JULIET, "tune", id);
      await publish(JULIET, "mood", "3");
      await publish(JULIET, "secret", "4");
      await publish(NURSE, "tune", "5");
      await pubsub().create(NURSE, "mood", nodeState(), AT, ROOMY);
      const found = await pubsub().lastItems([NURSE, JULIET, "nobody@example.com"], new Set(["tune", "mood", "none"]));
      expect(found.map(({ node, item }) => `${node.owner} ${node.name} ${item.id}`).sort()).toEqual([
        `${JULIET} mood 3`,
        `${JULIET} tune 2`,
        `${NURSE} tune 5`,
      ]);
      expect(await pubsub().lastItems([], new Set(["tune"]))).toEqual([]);
    });

    it("go with the account", async () => {
      await store().accounts.create(account("juliet"));
      await publish(JULIET, "tune", "1");
      await publish(NURSE, "tune", "1");
      expect(await store().accounts.delete("juliet", JULIET)).toBe(true);
      expect(await pubsub().node(JULIET, "tune")).toBeUndefined();
      expect(await ids(NURSE, "tune")).toEqual(["1"]);
      const quota = { nodes: 1, bytes: PUBSUB_ITEM_OVERHEAD + 100 };
      await expect(publish(JULIET, "mood", "2", { quota })).resolves.toMatchObject({ created: true });
      expect(await ids(JULIET, "mood")).toEqual(["2"]);
    });
  });

  describe("capabilities", () => {
    it("are kept by hash, the newest so many", async () => {
      const { capabilities } = store();
      expect(await capabilities.get("sha-1 a")).toBeUndefined();
      await capabilities.put("sha-1 a", ["x", "tune+notify"], 2);
      await capabilities.put("sha-1 b", [], 2);
      expect(await capabilities.get("sha-1 a")).toEqual(["x", "tune+notify"]);
      await capabilities.put("sha-1 b", ["y"], 2);
      expect(await capabilities.get("sha-1 a")).toBeDefined();
      await capabilities.put("sha-1 c", ["z"], 2);
      expect(await capabilities.get("sha-1 a")).toBeUndefined();
      expect(await capabilities.get("sha-1 b")).toEqual(["y"]);
      expect(await capabilities.get("sha-1 c")).toEqual(["z"]);
    });
  });
}
