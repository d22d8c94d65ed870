// AccountStore: every sentence of its docstrings.

import { describe, expect, it } from "vitest";
import { type AccountHoldings, type Store, StoreLimitError } from "../../../storage/store.ts";
import {
  AT,
  account,
  archived,
  bcrypt,
  item,
  JULIET,
  NURSE,
  nodeState,
  pubsubItem,
  ROMEO,
  savedSession,
  scram,
  unacked,
} from "../records.ts";

export function accountsContract(store: () => Store): void {
  describe("accounts", () => {
    it("gives back what was created, credentials whole and in order", async () => {
      const credentials = [scram(), scram({ kind: "SCRAM-SHA-1", keyId: "k2" }), bcrypt];
      expect(await store().accounts.create(account("juliet", credentials))).toBe(true);
      expect(await store().accounts.get("juliet")).toStrictEqual(account("juliet", credentials));
      expect(await store().accounts.get("romeo")).toBeUndefined();
    });

    it("keeps an account without credentials", async () => {
      await store().accounts.create(account("juliet", []));
      expect(await store().accounts.get("juliet")).toStrictEqual(account("juliet", []));
    });

    it("does not create an account twice, and changes nothing then", async () => {
      const [first, second] = await Promise.all([
        store().accounts.create(account("juliet")),
        store().accounts.create({ ...account("juliet", [bcrypt]), createdAt: AT + 1 }),
      ]);
      expect([first, second]).toEqual([true, false]);
      expect(await store().accounts.get("juliet")).toStrictEqual(account("juliet"));
    });

    it("replaces all credentials, of an account that exists", async () => {
      await store().accounts.create(account("juliet", [scram(), scram({ kind: "SCRAM-SHA-1" })]));
      expect(await store().accounts.setCredentials("juliet", [bcrypt])).toBe(true);
      expect(await store().accounts.get("juliet")).toStrictEqual(account("juliet", [bcrypt]));
      expect(await store().accounts.setCredentials("romeo", [bcrypt])).toBe(false);
      expect(await store().accounts.get("romeo")).toBeUndefined();
    });

    it("imports an account with all it holds, and leaves one that exists as it is or replaces what is given", async () => {
      const holdings: AccountHoldings = {
        roster: [
          item(ROMEO, { state: "both", name: "Romeo", groups: ["a"] }),
          item(NURSE, { inRoster: false, state: "none+in" }),
        ],
        offline: [
          { xml: "<message id='1'/>", at: AT },
          { xml: "<message id='2'/>", at: AT - 1 },
        ],
        vcard: "<vCard/>",
        privateXml: [{ ns: "n", name: "a", xml: "<a xmlns='n'/>" }],
        nodes: [{ name: "node", ...nodeState(), items: [pubsubItem("1"), pubsubItem("2")] }],
      };
      const quota = { nodes: 1, bytes: 10_000 };
      const juliet = { account: account("juliet"), owner: JULIET, holdings, quota };
      expect(await store().accounts.import(juliet, "keep")).toBe("created");
      expect(await store().accounts.get("juliet")).toStrictEqual(account("juliet"));
      const items = [...(holdings.roster ?? [])].sort((a, b) => (a.contact < b.contact ? -1 : 1));
      expect(await store().roster.load(JULIET)).toStrictEqual({ version: 1, items });
      expect(await store().roster.changesSince(JULIET, 0)).toBeUndefined();
      expect((await store().offline.load(JULIET, 0, 10)).map(({ xml, at }) => ({ xml, at }))).toStrictEqual(
        holdings.offline,
      );
      expect(await store().offline.count(JULIET)).toBe(2);
      expect(await store().profiles.vcard(JULIET)).toBe("<vCard/>");
      expect(await store().profiles.allPrivateXml(JULIET)).toStrictEqual(holdings.privateXml);
      expect(await store().pubsub.items(JULIET, "node", { since: 0, backward: false, limit: 10 })).toStrictEqual([
        pubsubItem("1"),
        pubsubItem("2"),
      ]);

      const other = { ...juliet, account: account("juliet", [bcrypt]), holdings: { roster: [], nodes: [] } };
      expect(await store().accounts.import(other, "keep")).toBe("kept");
      expect((await store().roster.load(JULIET)).items).toHaveLength(2);
      expect(await store().accounts.import(other, "replace")).toBe("replaced");
      expect(await store().accounts.get("juliet")).toStrictEqual(account("juliet", [bcrypt]));
      expect(await store().roster.load(JULIET)).toStrictEqual({ version: 2, items: [] });
      expect(await store().pubsub.nodes(JULIET, { limit: 10 })).toEqual([]);
      expect(await store().offline.count(JULIET)).toBe(2);
      expect(await store().accounts.import({ ...other, account: account("juliet", []), holdings: {} }, "replace")).toBe(
        "replaced",
      );
      expect(await store().accounts.get("juliet")).toStrictEqual(account("juliet", [bcrypt]));
    });

    it("imports nothing of an account whose nodes are beyond the quota", async () => {
      const nodes = [{ name: "node", ...nodeState(), items: [pubsubItem("1")] }];
      const imported = { account: account("juliet"), owner: JULIET, holdings: { nodes, vcard: "<vCard/>" } };
      for (const quota of [
        { nodes: 0, bytes: 10_000 },
        { nodes: 1, bytes: 1 },
      ]) {
        await expect(store().accounts.import({ ...imported, quota }, "keep")).rejects.toThrow(StoreLimitError);
      }
      expect(await store().accounts.get("juliet")).toBeUndefined();
      expect(await store().profiles.vcard(JULIET)).toBeUndefined();
    });

    it("counts the accounts that have credentials, but none of a kind", async () => {
      const sha1 = scram({ kind: "SCRAM-SHA-1" });
      for (const [i, credentials] of [[scram(), sha1], [sha1], [sha1], [scram()], [bcrypt], []].entries()) {
        await store().accounts.create(account(`user${i}`, credentials));
      }
      expect(await store().accounts.countWithout("SCRAM-SHA-256")).toBe(3);
      expect(await store().accounts.countWithout("SCRAM-SHA-1")).toBe(2);
      expect(await store().accounts.countBcryptOnly()).toBe(1);
      await store().accounts.setCredentials("user1", [scram(), sha1]);
      await store().accounts.delete("user2", "user2@example.com");
      expect(await store().accounts.countWithout("SCRAM-SHA-256")).toBe(1);
    });

    it("erases an account with its roster, offline messages, archive and sessions, and no other's", async () => {
      for (const [localpart, owner] of [
        ["juliet", JULIET],
        ["nurse", NURSE],
      ] as const) {
        await store().accounts.create(account(localpart));
        await store().roster.update(owner, ROMEO, () => item(ROMEO));
        await store().offline.add(owner, "<message/>", AT, 10);
        await store().archive.add([archived(owner, "1")]);
        await store().archive.setPreferences(owner, { default: "always", always: [], never: [] });
        await store().sessions.apply([{ id: owner, save: savedSession(owner, { owner }), append: [unacked(1)] }]);
      }
      expect(await store().accounts.delete("juliet", JULIET)).toBe(true);
      expect(await store().accounts.get("juliet")).toBeUndefined();
      expect((await store().roster.load(JULIET)).items).toEqual([]);
      expect(await store().offline.count(JULIET)).toBe(0);
      expect(await store().offline.load(JULIET, 0, 10)).toEqual([]);
      expect(await store().archive.bounds(JULIET)).toBeUndefined();
      expect(await store().archive.preferences(JULIET)).toBeUndefined();
      expect((await store().sessions.loadAll()).map(({ session }) => session.owner)).toEqual([NURSE]);
      expect((await store().archive.bounds(NURSE))?.last.id).toBe("1");
      expect((await store().archive.preferences(NURSE))?.default).toBe("always");
      expect(await store().accounts.get("nurse")).toBeDefined();
      expect((await store().roster.load(NURSE)).items).toHaveLength(1);
      expect(await store().offline.count(NURSE)).toBe(1);
      // What comes after it starts afresh.
      expect(await store().accounts.create(account("juliet"))).toBe(true);
      expect(await store().offline.add(JULIET, "<message/>", AT, 1)).toBe(true);
      await store().sessions.apply([{ id: JULIET, append: [unacked(2)] }]);
      expect(await store().sessions.loadAll()).toHaveLength(1);
    });

    it("changes nothing when the account to delete does not exist", async () => {
      await store().roster.update(JULIET, ROMEO, () => item(ROMEO));
      expect(await store().accounts.delete("juliet", JULIET)).toBe(false);
      expect((await store().roster.load(JULIET)).items).toHaveLength(1);
    });

    it("lists in order of localpart, by code point, page by page", async () => {
      const localparts = ["\u{20000}", "a", "b", "\u{ff5e}", "ab"];
      for (const localpart of localparts) await store().accounts.create(account(localpart, [scram(), bcrypt]));
      const first = await store().accounts.list({ limit: 3 });
      expect(first.map(({ localpart }) => localpart)).toEqual(["a", "ab", "b"]);
      expect(first[0]).toStrictEqual(account("a", [scram(), bcrypt]));
      const second = await store().accounts.list({ after: "b", limit: 3 });
      expect(second.map(({ localpart }) => localpart)).toEqual(["\u{ff5e}", "\u{20000}"]);
      expect(await store().accounts.list({ after: "\u{20000}", limit: 3 })).toEqual([]);
      expect(await store().accounts.list({ limit: 0 })).toEqual([]);
      expect(await store().accounts.list({ limit: -1 })).toEqual([]);
    });

    it("gives at most 100 a page", async () => {
      await Promise.all(Array.from({ length: 101 }, (_, n) => store().accounts.create(account(`user-${n}`, []))));
      expect(await store().accounts.list({ limit: 1_000 })).toHaveLength(100);
    });

    it("counts the accounts that have only a bcrypt credential", async () => {
      expect(await store().accounts.countBcryptOnly()).toBe(0);
      await store().accounts.create(account("bcrypt", [bcrypt]));
      await store().accounts.create(account("both", [bcrypt, scram()]));
      await store().accounts.create(account("none", []));
      await store().accounts.create(account("scram"));
      expect(await store().accounts.countBcryptOnly()).toBe(1);
      await store().accounts.setCredentials("both", [bcrypt]);
      expect(await store().accounts.countBcryptOnly()).toBe(2);
      await store().accounts.setCredentials("bcrypt", [scram()]);
      await store().accounts.delete("both", "both@example.com");
      expect(await store().accounts.countBcryptOnly()).toBe(0);
    });

    it("is not reached by a later change of what was given or returned", async () => {
      const given = account("juliet", [scram({ sealed: Buffer.from([9, 8, 7]) })]);
      await store().accounts.create(given);
      given.credentials[0]?.sealed.fill(0);
      (await store().accounts.get("juliet"))?.credentials[0]?.salt.fill(0);
      (await store().accounts.list({ limit: 1 }))[0]?.credentials[0]?.salt.fill(0);
      expect(await store().accounts.get("juliet")).toStrictEqual(account("juliet"));
    });
  });
}
