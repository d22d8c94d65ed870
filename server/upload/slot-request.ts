// The request for a slot (XEP-0363 1.2.0 sections 4 and 5), read: what is to be uploaded and what for.

import type { Element } from "ltx";
import { parseDateTime } from "../archive/date-time.ts";
import type { EpochMs } from "../clock.ts";
import { type StanzaError, stanzaError } from "../errors.ts";
import { NS } from "../namespaces.ts";
import { attr, elements, namespaceOf } from "../stanza.ts";
import { mediaType } from "./media-types.ts";

export type Purpose = "message" | "profile" | "ephemeral";

/** Those that are announced. */
export const PURPOSES: readonly Purpose[] = ["message", "profile", "ephemeral"];

export type SlotRequest = {
  /** Fit to be one segment of a path and the name of a file. */
  readonly name: string;
  /** Octets. */
  readonly size: number;
  /** Empty: none was named. */
  readonly type: string;
  readonly purpose: Purpose;
  /** Of an ephemeral file: when it must be gone. */
  readonly before: EpochMs | undefined;
};

const NAME_BYTES = 255; // what file systems take

/** Errors: bad-request, feature-not-implemented. */
export function readSlotRequest(request: Element): SlotRequest | StanzaError {
  const name = safeName(attr(request, "filename") ?? "");
  if (name === "") return stanzaError("bad-request", "a file needs a name");
  if (Buffer.byteLength(name) > NAME_BYTES) {
    return stanzaError("bad-request", `the file's name is longer than ${NAME_BYTES} bytes`);
  }
  const size = attr(request, "size")?.trim() ?? "";
  if (!/^\+?0*[1-9]\d{0,14}$/.test(size))
    return stanzaError("bad-request", "the size must be a positive number of bytes");
  const said = readPurpose(request);
  if ("kind" in said) return said;
  return { name, size: Number(size), type: mediaType(attr(request, "content-type")), ...said };
}

function readPurpose(request: Element): Pick<SlotRequest, "purpose" | "before"> | StanzaError {
  const [said, ...others] = elements(request).filter((element) => namespaceOf(element) === NS.uploadPurpose);
  if (said === undefined) return { purpose: "message", before: undefined }; // section 5
  if (others.length > 0) return stanzaError("bad-request", "more than one purpose");
  const purpose = PURPOSES.find((known) => known === said.name);
  if (purpose === undefined) {
    return stanzaError("feature-not-implemented", `uploads are for ${PURPOSES.join(", ")}, not ${said.name}`);
  }
  if (purpose !== "ephemeral") return { purpose, before: undefined };
  const before = parseDateTime(attr(said, "expire-before") ?? "");
  if (!before.ok) return stanzaError("bad-request", `expire-before: ${before.reason}`);
  return { purpose, before: Math.floor(before.value) };
}

// No separator of folders, no name of one, nothing that a terminal or a file manager would take for something else than a
// letter: control characters and those that change the direction of what follows.
function safeName(text: string): string {
  const name = text
    .normalize("NFC")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is to go
    .replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff/\\]/g, "_")
    .trim();
  return /^\.+$/.test(name) ? name.replaceAll(".", "_") : name;
}
