// The configuration form of a room (XEP-0045 1.35.1 sections 10.1 and 10.2, field registry in 15.5.3): shown, and read.
// Each field is a row: what it shows, and what a submitted value makes of the configuration. Unknown fields are ignored:
// clients send what other servers know, too.

import { Element } from "ltx";
import { type StanzaError, stanzaError } from "../errors.ts";
import { NS } from "../namespaces.ts";
import { ok, type Result, refuse } from "../result.ts";
import { attr, childrenOf, textOf } from "../stanza.ts";
import { isRole, type Role } from "./affiliation.ts";
import type { RoomConfig } from "./room-config.ts";

/** What the service leaves to choose. */
export type FormLimits = {
  readonly nameCharacters: number;
  readonly descriptionCharacters: number;
  readonly historyMessages: number;
  readonly occupantsPerRoom: number;
  /** Whether the service keeps archives at all. */
  readonly archives: boolean;
};

type Values = readonly string[];
type Change = Partial<RoomConfig>;

type Field = {
  readonly name: string;
  /** Other names under which clients send it. */
  readonly aliases?: readonly string[];
  readonly type: "text-single" | "text-private" | "boolean" | "list-single" | "list-multi";
  readonly label: string;
  readonly options?: Readonly<Record<string, string>>;
  show(config: RoomConfig): Values;
  read(values: Values, limits: FormLimits): Result<Change>;
};

const PASSWORD_CHARACTERS = 200;
const ROLE_OPTIONS = { moderator: "Moderator", participant: "Participant", visitor: "Visitor" };
const PM_OPTIONS = {
  anyone: "Anyone",
  participants: "Anyone with voice",
  moderators: "Moderators only",
  none: "Nobody",
};

type BooleanKey = { [Key in keyof RoomConfig]: RoomConfig[Key] extends boolean ? Key : never }[keyof RoomConfig];

function flag(key: BooleanKey, name: string, label: string, aliases: readonly string[] = []): Field {
  return {
    name,
    aliases,
    type: "boolean",
    label,
    show: (config) => [config[key] ? "1" : "0"],
    read: ([value = "0"]) => {
      if (value === "1" || value === "true") return ok({ [key]: true });
      if (value === "0" || value === "false" || value === "") return ok({ [key]: false });
      return refuse("neither true nor false");
    },
  };
}

function text(
  key: "name" | "description" | "language",
  name: string,
  label: string,
  most: (limits: FormLimits) => number,
): Field {
  return {
    name,
    type: "text-single",
    label,
    show: (config) => (config[key] === "" ? [] : [config[key]]),
    read: (values, limits) => {
      const value = values.join("\n");
      return value.length <= most(limits) ? ok({ [key]: value }) : refuse(`over ${most(limits)} characters`);
    },
  };
}

const PREFIX = "muc#roomconfig_";
const PROSODY = "{http://prosody.im/protocol/muc}roomconfig_";

const FIELDS: readonly Field[] = [
  text("name", `${PREFIX}roomname`, "Name", ({ nameCharacters }) => nameCharacters),
  text("description", `${PREFIX}roomdesc`, "Description", (limits) => limits.descriptionCharacters),
  text("language", `${PREFIX}lang`, "Language of discussion", () => 35),
  flag("persistent", `${PREFIX}persistentroom`, "Keep the room when everybody has left"),
  flag("public", `${PREFIX}publicroom`, "List the room to everybody"),
  flag("membersOnly", `${PREFIX}membersonly`, "Only members may enter"),
  flag("moderated", `${PREFIX}moderatedroom`, "Only those with voice may speak"),
  {
    name: `${PREFIX}whois`,
    type: "list-single",
    label: "Who sees real addresses",
    options: { moderators: "Moderators only", anyone: "Anyone" },
    show: ({ nonAnonymous }) => [nonAnonymous ? "anyone" : "moderators"],
    read: ([value]) => {
      if (value === "anyone" || value === "moderators") return ok({ nonAnonymous: value === "anyone" });
      return refuse('neither "anyone" nor "moderators"');
    },
  },
  flag("changeSubject", `${PREFIX}changesubject`, "Participants may change the subject"),
  flag("allowInvites", `${PREFIX}allowinvites`, "Members may invite others", [`${PROSODY}allowmemberinvites`]),
  {
    name: `${PREFIX}allowpm`,
    type: "list-single",
    label: "Who may send private messages",
    options: PM_OPTIONS,
    show: ({ privateMessages }) => [privateMessages],
    read: ([value = ""]) =>
      Object.hasOwn(PM_OPTIONS, value)
        ? ok({ privateMessages: value as RoomConfig["privateMessages"] })
        : refuse("none of the choices"),
  },
  {
    name: `${PREFIX}presencebroadcast`,
    type: "list-multi",
    label: "Roles whose presence others see",
    options: ROLE_OPTIONS,
    show: ({ broadcast }) => broadcast,
    read: (values) => {
      if (!values.every((value): value is Role => isRole(value) && value !== "none")) return refuse("not a role");
      return ok({ broadcast: [...new Set(values)] });
    },
  },
  // Three spellings: XEP-0313 names none, and Conversations sends all of them.
  {
    ...flag("archiving", "muc#roomconfig_enablearchiving", "Keep the messages", ["mam", "muc#roomconfig_mam"]),
    read: ([value = ""], { archives }) => {
      const wanted = value === "1" || value === "true";
      return ok({ archiving: wanted && archives });
    },
  },
  {
    name: `${PREFIX}maxusers`,
    type: "text-single",
    label: "Most occupants",
    show: ({ maxOccupants }) => [maxOccupants === 0 ? "none" : String(maxOccupants)],
    read: ([value = "none"], { occupantsPerRoom }) => {
      if (value === "none" || value === "") return ok({ maxOccupants: 0 });
      const count = wholeNumber(value);
      if (count === undefined || count === 0) return refuse('neither a number nor "none"');
      return ok({ maxOccupants: Math.min(count, occupantsPerRoom) });
    },
  },
  {
    name: "muc#maxhistoryfetch",
    aliases: ["muc#roomconfig_historylength"],
    type: "text-single",
    label: "Messages shown to who comes in",
    show: ({ historyMessages }) => [String(historyMessages)],
    read: ([value = ""], limits) => {
      const count = wholeNumber(value);
      return count === undefined
        ? refuse("not a number")
        : ok({ historyMessages: Math.min(count, limits.historyMessages) });
    },
  },
];

const PROTECTED = `${PREFIX}passwordprotectedroom`;
const SECRET = `${PREFIX}roomsecret`;

const BY_NAME: ReadonlyMap<string, Field> = new Map(
  FIELDS.flatMap((field) => [field.name, ...(field.aliases ?? [])].map((name) => [name, field] as const)),
);

function wholeNumber(value: string): number | undefined {
  return /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

/** Shows a configuration, for an owner to change. */
export function configForm(config: RoomConfig, limits: FormLimits): Element {
  const form = new Element("x", { xmlns: NS.dataForms, type: "form" });
  form.c("title").t("Room configuration");
  form.c("field", { var: "FORM_TYPE", type: "hidden" }).c("value").t(NS.roomConfig);
  for (const field of FIELDS) {
    if (field.name === "muc#roomconfig_enablearchiving" && !limits.archives) continue;
    addField(form, field, field.show(config));
  }
  addField(form, { name: PROTECTED, type: "boolean", label: "A password is needed" }, [config.password ? "1" : "0"]);
  const secret = config.password === "" ? [] : [config.password];
  addField(form, { name: SECRET, type: "text-private", label: "Password" }, secret);
  return form;
}

function addField(form: Element, field: Pick<Field, "name" | "type" | "label" | "options">, values: Values): void {
  const el = form.c("field", { var: field.name, type: field.type, label: field.label });
  for (const value of values) el.c("value").t(value);
  for (const [value, label] of Object.entries(field.options ?? {})) el.c("option", { label }).c("value").t(value);
}

/**
 * What a submitted form makes of a configuration; what it does not name stays as it is.
 * Errors: bad-request for another form; not-acceptable for what cannot be (section 10.1.3).
 */
export function readConfigForm(form: Element, before: RoomConfig, limits: FormLimits): RoomConfig | StanzaError {
  const fields = new Map<string, Values>();
  for (const field of childrenOf(form, "field", NS.dataForms)) {
    const name = attr(field, "var");
    if (name !== undefined) fields.set(name, childrenOf(field, "value", NS.dataForms).map(textOf));
  }
  const type = fields.get("FORM_TYPE")?.[0];
  if (type !== undefined && type !== NS.roomConfig)
    return stanzaError("bad-request", `FORM_TYPE is not ${NS.roomConfig}`);
  let config = before;
  for (const [name, values] of fields) {
    const field = BY_NAME.get(name);
    if (field === undefined) continue;
    const change = field.read(values, limits);
    if (!change.ok) return stanzaError("not-acceptable", `${name}: ${change.reason}`);
    config = { ...config, ...change.value };
  }
  return withPassword(config, fields);
}

function withPassword(config: RoomConfig, fields: ReadonlyMap<string, Values>): RoomConfig | StanzaError {
  const wanted = fields.get(PROTECTED)?.[0];
  const secret = fields.get(SECRET)?.[0];
  if (wanted === "0" || wanted === "false") return { ...config, password: "" };
  const password = secret ?? config.password;
  if (password.length > PASSWORD_CHARACTERS) return stanzaError("not-acceptable", `${SECRET}: over 200 characters`);
  if (wanted === undefined && config.password === "") return config; // a secret by itself protects nothing
  if (password === "") return stanzaError("not-acceptable", "a password-protected room needs a password");
  return { ...config, password };
}
