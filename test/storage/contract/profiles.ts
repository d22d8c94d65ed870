// ProfileStore and PushStore: every sentence of their docstrings.

import { describe, expect, it } from "vitest";
import type { PrivateElement, Store } from "../../../storage/store.ts";
import { AT, account, JULIET, NURSE, pushService } from "../records.ts";

const LARGE = { elements: 100, bytes: 100_000 };

function element(name: string, xml: string, ns = "exodus:prefs"): PrivateElement {
  return { ns, name, xml };
}

export function profilesContract(store: () => Store): void {
  describe("vCards", () => {
    it("gives back what was put last, to its owner alone", async () => {
      const { profiles } = store();
      expect(await profiles.vcard(JULIET)).toBeUndefined();
      const first = "<vCard xmlns='vcard-temp'><FN>ä\u{1f339}</FN></vCard>";
      expect(await profiles.updateVcard(JULIET, () => first)).toEqual({ before: undefined, after: first });
      expect(await profiles.updateVcard(JULIET, (xml) => `${xml} more`)).toEqual({
        before: first,
        after: `${first} more`,
      });
      expect(await profiles.vcard(JULIET)).toBe(`${first} more`);
      expect(await profiles.vcard(NURSE)).toBeUndefined();
    });

    it("undefined removes it, and a callback that throws changes nothing", async () => {
      const { profiles } = store();
      await profiles.updateVcard(JULIET, () => "<vCard/>");
      const failing = profiles.updateVcard(JULIET, () => {
        throw new Error("callback");
      });
      await expect(failing).rejects.toThrow("callback");
      expect(await profiles.vcard(JULIET)).toBe("<vCard/>");
      expect(await profiles.updateVcard(JULIET, () => undefined)).toEqual({ before: "<vCard/>", after: undefined });
      expect(await profiles.vcard(JULIET)).toBeUndefined();
    });
  });

  describe("private XML", () => {
    it("is found by owner, name and namespace, all three of them", async () => {
      const { profiles } = store();
      await profiles.setPrivateXml(
        JULIET,
        [element("a", "<a/>"), element("b", "<b/>"), element("a", "<x/>", "n2")],
        LARGE,
      );
      expect(await profiles.privateXml(JULIET, "exodus:prefs", "a")).toBe("<a/>");
      expect(await profiles.privateXml(JULIET, "exodus:prefs", "b")).toBe("<b/>");
      expect(await profiles.privateXml(JULIET, "n2", "a")).toBe("<x/>");
      expect(await profiles.privateXml(JULIET, "n2", "b")).toBeUndefined();
      expect(await profiles.privateXml(NURSE, "exodus:prefs", "a")).toBeUndefined();
    });

    it("each replaces its own kind; one without XML removes it", async () => {
      const { profiles } = store();
      await profiles.setPrivateXml(JULIET, [element("a", "<a>1</a>"), element("b", "<b/>")], LARGE);
      await profiles.setPrivateXml(JULIET, [element("a", "<a>2</a>"), element("b", "")], LARGE);
      expect(await profiles.privateXml(JULIET, "exodus:prefs", "a")).toBe("<a>2</a>");
      expect(await profiles.privateXml(JULIET, "exodus:prefs", "b")).toBeUndefined();
    });

    it("beyond either limit nothing is changed, and the setting is named; what makes it less is taken", async () => {
      const { profiles } = store();
      const bytes = (xml: string): number => Buffer.byteLength(`exodus:prefsa${xml}`);
      const exact = { elements: 1, bytes: bytes("<a>ä</a>") };
      await profiles.setPrivateXml(JULIET, [element("a", "<a>ä</a>")], exact);
      const larger = profiles.setPrivateXml(JULIET, [element("a", "<a>äb</a>")], exact);
      await expect(larger).rejects.toMatchObject({ name: "StoreLimitError", limit: "privateXmlBytes" });
      const two = profiles.setPrivateXml(JULIET, [element("a", "<a/>"), element("b", "<b/>")], {
        ...LARGE,
        elements: 1,
      });
      await expect(two).rejects.toMatchObject({ name: "StoreLimitError", limit: "privateXmlElements" });
      expect(await profiles.privateXml(JULIET, "exodus:prefs", "a")).toBe("<a>ä</a>");
      expect(await profiles.privateXml(JULIET, "exodus:prefs", "b")).toBeUndefined();
      await profiles.setPrivateXml(JULIET, [element("a", "<a/>")], { elements: 0, bytes: 0 });
      expect(await profiles.privateXml(JULIET, "exodus:prefs", "a")).toBe("<a/>");
      await profiles.setPrivateXml(NURSE, [element("a", "<a>ä</a>")], exact);
    });
  });

  describe("last activity", () => {
    it("is the last that was set", async () => {
      const { profiles } = store();
      expect(await profiles.lastActivity(JULIET)).toBeUndefined();
      await profiles.setLastActivity(JULIET, { at: AT, status: "Heading Home" });
      await profiles.setLastActivity(JULIET, { at: AT + 1.5, status: "" });
      expect(await profiles.lastActivity(JULIET)).toEqual({ at: AT + 1.5, status: "" });
      expect(await profiles.lastActivity(NURSE)).toBeUndefined();
    });
  });

  describe("push services", () => {
    it("are listed by address and node, every part of them", async () => {
      const { pushes } = store();
      const all = [
        pushService("a.example", ""),
        pushService("a.example", "n", { options: "<x/>" }),
        pushService("b", "m"),
      ];
      for (const one of [...all].reverse()) expect(await pushes.put(JULIET, one, 10)).toBe(true);
      expect(await pushes.list(JULIET)).toEqual(all);
      expect(await pushes.list(NURSE)).toEqual([]);
    });

    it("one of the same address and node is replaced, also where there is room for no more", async () => {
      const { pushes } = store();
      expect(await pushes.put(JULIET, pushService("a", "n"), 1)).toBe(true);
      expect(await pushes.put(JULIET, pushService("a", "m"), 1)).toBe(false);
      const changed = pushService("a", "n", { resourcepart: "garden", options: "<x/>" });
      expect(await pushes.put(JULIET, changed, 1)).toBe(true);
      expect(await pushes.list(JULIET)).toEqual([changed]);
      expect(await pushes.put(NURSE, pushService("a", "m"), 1)).toBe(true);
    });

    it("one node is removed, or all of an address", async () => {
      const { pushes } = store();
      for (const node of ["", "1", "2", "3"]) await pushes.put(JULIET, pushService("a", node), 10);
      await pushes.put(JULIET, pushService("b", "1"), 10);
      await pushes.put(NURSE, pushService("a", "1"), 10);
      expect(await pushes.remove(JULIET, "a", "2")).toBe(1);
      expect(await pushes.remove(JULIET, "a", "2")).toBe(0);
      expect(await pushes.remove(JULIET, "a", "")).toBe(1);
      expect(await pushes.remove(JULIET, "a")).toBe(2);
      expect(await pushes.list(JULIET)).toEqual([pushService("b", "1")]);
      expect(await pushes.list(NURSE)).toHaveLength(1);
    });
  });

  describe("profiles and push services go", () => {
    async function fill(owner: string): Promise<void> {
      const { profiles, pushes } = store();
      await profiles.updateVcard(owner, () => "<vCard/>");
      await profiles.setPrivateXml(owner, [element("a", "<a/>")], LARGE);
      await profiles.setLastActivity(owner, { at: AT, status: "" });
      await pushes.put(owner, pushService("a", "n"), 10);
    }
    async function found(owner: string): Promise<number> {
      const { profiles, pushes } = store();
      const all = [
        await profiles.vcard(owner),
        await profiles.privateXml(owner, "exodus:prefs", "a"),
        await profiles.lastActivity(owner),
        (await pushes.list(owner))[0],
      ];
      return all.filter((one) => one !== undefined).length;
    }

    it("with their account, and nobody else's", async () => {
      await store().accounts.create(account("juliet"));
      await fill(JULIET);
      await fill(NURSE);
      expect(await found(JULIET)).toBe(4);
      await store().accounts.delete("juliet", JULIET);
      expect([await found(JULIET), await found(NURSE)]).toEqual([0, 4]);
    });

    it("when they are erased", async () => {
      await fill(JULIET);
      await fill(NURSE);
      await store().profiles.erase(JULIET);
      await store().pushes.erase(JULIET);
      expect([await found(JULIET), await found(NURSE)]).toEqual([0, 4]);
    });
  });
}
