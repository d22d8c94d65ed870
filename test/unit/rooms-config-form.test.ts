// XEP-0045 1.35.1 sections 10.1 and 10.2: the configuration form.

import { type Element, parse } from "ltx";
import { describe, expect, it } from "vitest";
import type { StanzaError } from "../../server/errors.ts";
import { configForm, type FormLimits, readConfigForm } from "../../server/rooms/config-form.ts";
import { DEFAULT_CONFIG, type RoomConfig } from "../../server/rooms/room-config.ts";
import { attr, childrenOf, textOf } from "../../server/stanza.ts";
import { configForm as form } from "../support/rooms.ts";

const LIMITS: FormLimits = {
  nameCharacters: 10,
  descriptionCharacters: 10,
  historyMessages: 30,
  occupantsPerRoom: 100,
  archives: true,
};

function read(fields: Record<string, string | readonly string[]>, before = DEFAULT_CONFIG, limits = LIMITS) {
  return readConfigForm(parse(form(fields)) as Element, before, limits);
}

function changed(fields: Record<string, string | readonly string[]>, before?: RoomConfig): Partial<RoomConfig> {
  const after = read(fields, before);
  if ("kind" in after) throw new Error(after.text ?? after.condition);
  const from = before ?? DEFAULT_CONFIG;
  return Object.fromEntries(
    Object.entries(after).filter(
      ([key, value]) => JSON.stringify(value) !== JSON.stringify(from[key as keyof RoomConfig]),
    ),
  );
}

describe("what a submitted field changes", () => {
  it.each<[Record<string, string | readonly string[]>, Partial<RoomConfig>]>([
    [{ roomname: "Cave" }, { name: "Cave" }],
    [{ roomdesc: "dark" }, { description: "dark" }],
    [{ lang: "en" }, { language: "en" }],
    [{ persistentroom: "1" }, { persistent: true }],
    [{ publicroom: "true" }, { public: true }],
    [{ membersonly: "1" }, { membersOnly: true }],
    [{ moderatedroom: "1" }, { moderated: true }],
    [{ whois: "anyone" }, { nonAnonymous: true }],
    [{ changesubject: "1" }, { changeSubject: true }],
    [{ allowinvites: "1" }, { allowInvites: true }],
    [{ "{http://prosody.im/protocol/muc}roomconfig_allowmemberinvites": "1" }, { allowInvites: true }],
    [{ allowpm: "moderators" }, { privateMessages: "moderators" }],
    [{ presencebroadcast: ["moderator", "participant"] }, { broadcast: ["moderator", "participant"] }],
    [{ enablearchiving: "0" }, { archiving: false }],
    [{ "muc#roomconfig_mam": "0" }, { archiving: false }],
    [{ maxusers: "30" }, { maxOccupants: 30 }],
    [{ maxusers: "1000" }, { maxOccupants: 100 }],
    [{ "muc#maxhistoryfetch": "5" }, { historyMessages: 5 }],
    [{ "muc#maxhistoryfetch": "99" }, { historyMessages: 30 }],
    [{ passwordprotectedroom: "1", roomsecret: "cauldronburn" }, { password: "cauldronburn" }],
    [{ roomsecret: "cauldronburn" }, {}],
    // Section 10.1 leaves the choice of fields to the service; clients send those of others.
    [{ enablelogging: "1", "muc#unheard": "x", roomadmins: "nurse@example.com" }, {}],
  ])("%j", (fields, change) => {
    expect(changed(fields)).toEqual(change);
  });

  it("each of the three spellings of archiving that Conversations sends", () => {
    const off = { ...DEFAULT_CONFIG, archiving: false };
    for (const name of ["muc#roomconfig_enablearchiving", "muc#roomconfig_mam"]) {
      expect(changed({ [name]: "1" }, off)).toEqual({ archiving: true });
    }
    const bare = `<x xmlns='jabber:x:data' type='submit'><field var='mam'><value>1</value></field></x>`;
    expect(readConfigForm(parse(bare) as Element, off, LIMITS)).toEqual(DEFAULT_CONFIG);
  });

  it("a form without fields accepts what there is (section 10.1.2)", () => {
    expect(read({})).toEqual(DEFAULT_CONFIG);
  });

  it("a service without archives has none in its rooms", () => {
    const off = { ...DEFAULT_CONFIG, archiving: false };
    expect(read({ enablearchiving: "1" }, off, { ...LIMITS, archives: false })).toEqual(off);
  });

  it("a password goes, stays, and is replaced", () => {
    const before = { ...DEFAULT_CONFIG, password: "old" };
    expect(changed({ passwordprotectedroom: "0" }, before)).toEqual({ password: "" });
    expect(changed({ roomname: "n" }, before)).toEqual({ name: "n" });
    expect(changed({ passwordprotectedroom: "1" }, before)).toEqual({});
    expect(changed({ roomsecret: "new" }, before)).toEqual({ password: "new" });
  });
});

describe("what cannot be is not-acceptable (section 10.1.3)", () => {
  it.each<Record<string, string | readonly string[]>>([
    { passwordprotectedroom: "1" },
    { passwordprotectedroom: "1", roomsecret: "" },
    { passwordprotectedroom: "1", roomsecret: "x".repeat(201) },
    { roomname: "12345678901" },
    { whois: "nobody" },
    { membersonly: "perhaps" },
    { allowpm: "constructor" },
    { presencebroadcast: ["king"] },
    { maxusers: "0" },
    { maxusers: "-1" },
    { "muc#maxhistoryfetch": "all" },
  ])("%j", (fields) => {
    expect((read(fields) as StanzaError).condition).toBe("not-acceptable");
  });

  it("the form of something else is bad-request", () => {
    const other = "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:other</value></field></x>";
    expect((readConfigForm(parse(other) as Element, DEFAULT_CONFIG, LIMITS) as StanzaError).condition).toBe(
      "bad-request",
    );
  });
});

describe("the form that is shown", () => {
  it("sent back as it is, changes nothing", () => {
    const config: RoomConfig = {
      ...DEFAULT_CONFIG,
      name: "Cave",
      password: "secret",
      nonAnonymous: true,
      membersOnly: true,
      maxOccupants: 7,
      historyMessages: 3,
      broadcast: ["moderator"],
    };
    const shown = configForm(config, LIMITS);
    expect(attr(shown, "type")).toBe("form");
    expect(readConfigForm(shown, config, LIMITS)).toEqual(config);
    const names = childrenOf(shown, "field", "jabber:x:data").map((field) => attr(field, "var"));
    expect(new Set(names).size).toBe(names.length);
  });

  it("has no field for what the service does not do", () => {
    const names = childrenOf(configForm(DEFAULT_CONFIG, { ...LIMITS, archives: false }), "field", "jabber:x:data");
    expect(names.map((field) => attr(field, "var"))).not.toContain("muc#roomconfig_enablearchiving");
    expect(names.map(textOf).join("")).toBe("");
  });
});
